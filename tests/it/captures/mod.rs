//! Recorded sessions of real programs.

mod frames;
mod replay;
