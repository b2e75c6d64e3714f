//! The examples, as they are run.

#[cfg(unix)]
mod chains;
mod dump;
#[cfg(unix)]
mod filters;
#[cfg(unix)]
mod hostile_texts;
#[cfg(unix)]
mod libraries;
#[cfg(unix)]
mod limits;
#[cfg(unix)]
mod minimal;
#[cfg(unix)]
mod mtas;
#[cfg(unix)]
mod stopping;
#[cfg(unix)]
mod together;
#[cfg(unix)]
mod waits;
