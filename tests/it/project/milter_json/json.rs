//! JSON whose keys keep their order, printed with one row a line.

use core::fmt::Write;

use serde_json::Value;

/// The longest line that holds a whole list or object, in bytes.
const WIDTH: usize = 140;

/// A value; the keys of an object are in the order in which they are printed.
#[derive(Clone, Debug)]
pub(super) enum Json {
    Scalar(Value),
    List(Vec<Self>),
    Object(Vec<(&'static str, Self)>),
}

/// Makes an object of `key: value` pairs.
macro_rules! object {
    ($($key:ident: $value:expr),* $(,)?) => {
        $crate::project::milter_json::json::Json::Object(vec![
            $((stringify!($key), $crate::project::milter_json::json::Json::from($value))),*
        ])
    };
}
pub(super) use object;

impl Json {
    /// The text of a file: what fits on a line is on one line.
    pub(super) fn pretty(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0, 0);
        text.push('\n');
        text
    }

    /// Writes the value, `indent` steps in. `before` is what stands before it on the line, in bytes.
    fn write(&self, text: &mut String, indent: usize, before: usize) {
        let line = self.line();
        let (open, items, close) = match self {
            Self::List(items) if !items.is_empty() => {
                ('[', items.iter().map(|item| (None, item)).collect(), ']')
            }
            Self::Object(pairs) if !pairs.is_empty() => {
                ('{', pairs.iter().map(|(key, value)| (Some(key), value)).collect::<Vec<_>>(), '}')
            }
            _ => return text.push_str(&line),
        };
        if indent > 0 && indent * 2 + before + line.len() < WIDTH {
            return text.push_str(&line);
        }
        text.push(open);
        for (number, (key, value)) in items.into_iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            let key = key.map(|key| format!("\"{key}\": ")).unwrap_or_default();
            write!(text, "{comma}\n{:1$}{key}", "", (indent + 1) * 2).unwrap();
            value.write(text, indent + 1, key.len());
        }
        write!(text, "\n{:1$}{close}", "", indent * 2).unwrap();
    }

    /// The value on one line.
    fn line(&self) -> String {
        match self {
            Self::Scalar(value) => value.to_string(),
            Self::List(items) => format!("[{}]", items.iter().map(Self::line).collect::<Vec<_>>().join(", ")),
            Self::Object(pairs) => {
                let pair = |(key, value): &(&str, Self)| format!("\"{key}\": {}", value.line());
                format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Scalar(value.into())
    }
}

impl From<u8> for Json {
    fn from(value: u8) -> Self {
        Self::Scalar(value.into())
    }
}

impl From<u32> for Json {
    fn from(value: u32) -> Self {
        Self::Scalar(value.into())
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Self {
        Self::Scalar(value.into())
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Self {
        Self::Scalar(value.into())
    }
}

impl From<String> for Json {
    fn from(value: String) -> Self {
        Self::Scalar(value.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Scalar(Value::Null), Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Json {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}
