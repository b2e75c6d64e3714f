//! OPTNEG: offers, answers, and what both sides make of them.

mod answers;
mod bits;
mod data_sizes;
mod macro_lists;
mod recorded;
mod versions;
