//! Recorded sessions of real programs.

mod frames;
mod layout;
mod replay;
