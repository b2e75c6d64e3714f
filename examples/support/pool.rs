//! Read buffers that connections borrow while they read.

use core::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// The size of a buffer: one read can return a whole frame with a body chunk.
const SIZE: usize = 65_540;
/// How many unused buffers are kept.
const KEPT: usize = 16;

/// Buffers that are not in use.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Vec<Box<[u8]>>>);

impl Pool {
    /// Lends a buffer until it is dropped.
    pub(crate) fn lend(&self) -> Lent<'_> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lent { pool: self, buffer: kept.unwrap_or_else(|| vec![0; SIZE].into()) }
    }
}

/// A buffer that is in use.
#[derive(Debug)]
pub(crate) struct Lent<'p> {
    pool: &'p Pool,
    buffer: Box<[u8]>,
}

impl Deref for Lent<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.buffer
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut kept = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(core::mem::take(&mut self.buffer));
        }
    }
}
