//! A table in Markdown whose columns are aligned in the source, too.

/// Rows of text below a head.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a head.
    pub fn new<T: ToString>(head: impl IntoIterator<Item = T>) -> Self {
        Self { rows: vec![head.into_iter().map(|cell| cell.to_string()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The first column holds names, the others numbers.
    pub fn to_markdown(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default().max(4)
        };
        let widths = (0..columns).map(width).collect::<Vec<_>>();
        let line = |row: &[String]| {
            let cells = widths.iter().enumerate().map(|(column, width)| {
                let cell = row.get(column).map(String::as_str).unwrap_or_default();
                if column == 0 { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") }
            });
            cells.collect::<String>() + "|\n"
        };
        let rule = widths.iter().enumerate().map(|(column, width)| {
            if column == 0 {
                format!("| {:-<width$} ", "")
            } else {
                format!("| {:->w$}: ", "", w = width - 1)
            }
        });
        let mut lines = self.rows.iter().map(|row| line(row));
        let head = lines.next().unwrap_or_default();
        head + &rule.collect::<String>() + "|\n" + &lines.collect::<String>()
    }
}

/// A number with the digits that mean something; a dash for none.
pub fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value == 0.0 => "0".to_owned(),
        Some(value) if value.abs() < 0.1 => format!("{value:.3}"),
        Some(value) if value.abs() < 10.0 => format!("{value:.2}"),
        Some(value) if value.abs() < 100.0 => format!("{value:.1}"),
        Some(value) => grouped(&format!("{value:.0}")),
    }
}

/// A whole number; a dash for none.
pub fn count(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| grouped(&value.to_string()))
}

/// Thousands with commas between them.
fn grouped(digits: &str) -> String {
    let first = digits.len() % 3;
    let (head, rest) = digits.split_at(first);
    let groups = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let groups = [head.to_owned()].into_iter().filter(|head| !head.is_empty()).chain(groups);
    groups.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::{Table, number};

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["name", "value"]);
        table.row(["a longer name".to_owned(), "1".to_owned()]);
        let expected = "\
            | name          | value |\n\
            | ------------- | ----: |\n\
            | a longer name |     1 |\n";
        assert_eq!(table.to_markdown(), expected);
    }

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        let rows = [(0.0, "0"), (0.012_34, "0.012"), (1.234, "1.23"), (12.34, "12.3"), (1234.5, "1,234")];
        for (value, text) in rows {
            assert_eq!(number(Some(value)), text);
        }
        assert_eq!(number(None), "-");
    }
}
