//! What is measured. Each file is one kind of measurement, and one table or two.

pub mod big_body;
pub mod codecs;
pub mod idle;
pub mod scale;
pub mod servers;
pub mod size;
pub mod syscalls;

/// How long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Figures to work with.
    Full,
    /// Whether everything runs; the figures are rough.
    Quick,
}

impl Effort {
    /// One of two values.
    pub fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

/// The middle of some values; 0 of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values = values.into_iter().collect::<Vec<_>>();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        _ if values.is_empty() => 0.0,
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}
