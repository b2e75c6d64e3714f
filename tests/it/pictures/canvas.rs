//! What the pictures are drawn with: an SVG that suits light and dark pages.

use core::fmt::Write;

/// A position in a picture.
pub(super) type Point = (i32, i32);

/// The colour of text and lines, which is the page's own.
pub(super) const INK: &str = "currentColor";
const SANS: &str = "system-ui, 'Segoe UI', 'Helvetica Neue', Helvetica, Arial, sans-serif";
pub(super) const MONO: &str = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";
/// `svg:root` matches only a standalone image, which brings its own background. Inside a page, a picture has the page's
/// colours.
const STYLE: &str = "svg:root{color:#1f2328;background:#fff}\
    @media (prefers-color-scheme:dark){svg:root{color:#e6edf3;background:#0d1117}}";
const CORNER: i32 = 8;

/// The side of a position on which a text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a line is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) colour: &'static str,
    pub(super) is_dashed: bool,
}

/// An unfinished picture. It must not contain an empty line, because Markdown ends an HTML block there.
pub(super) struct Canvas(String);

impl Canvas {
    pub(super) fn new((width, height): Point, title: &str, description: &str) -> Self {
        let mut canvas = Self(String::new());
        canvas.line(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             style=\"max-width:100%;height:auto\" role=\"img\" font-family=\"{SANS}\" font-size=\"13\" \
             fill=\"{INK}\">"
        ));
        canvas.line(&format!("<title>{title}</title>"));
        canvas.line(&format!("<desc>{description}</desc>"));
        canvas.line(&format!("<style>{STYLE}</style>"));
        canvas
    }

    pub(super) fn finish(mut self) -> String {
        self.line("</svg>");
        self.0
    }

    pub(super) fn line(&mut self, text: &str) {
        assert!(!text.is_empty() && !text.contains(['[', ']', '\n']), "Markdown would interpret {text}");
        self.0 += text;
        self.0.push('\n');
    }

    /// Text with attributes of its own, such as `font-weight="600"`.
    pub(super) fn text(&mut self, (x, y): Point, anchor: Anchor, attributes: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let space = if attributes.is_empty() { "" } else { " " };
        self.line(&format!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\"{space}{attributes}>{text}</text>"
        ));
    }

    /// A rounded rectangle around a centre, filled with a tint of its colour.
    pub(super) fn tinted_box(&mut self, (x, y): Point, (width, height): Point, colour: &str, tint: &str) {
        self.line(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\" rx=\"{CORNER}\" fill=\"{colour}\" \
             fill-opacity=\"{tint}\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            x - width / 2,
            y - height / 2
        ));
    }

    /// A closed shape with rounded corners.
    pub(super) fn shape(&mut self, corners: &[Point], colour: &str, tint: &str) {
        let first = middle(corners[corners.len() - 1], corners[0]);
        let mut points = vec![first];
        points.extend(corners);
        points.push(first);
        self.line(&format!(
            "<path d=\"{}Z\" fill=\"{colour}\" fill-opacity=\"{tint}\" stroke=\"{colour}\" \
             stroke-opacity=\"0.55\"/>",
            rounded(&points)
        ));
    }

    /// A line along the axes, with rounded corners, and with a head at its end or without.
    pub(super) fn route(&mut self, points: &[Point], line: Line, has_head: bool) {
        let Line { colour, is_dashed } = line;
        let dash = if is_dashed { " stroke-dasharray=\"5 4\"" } else { "" };
        let mut points = points.to_vec();
        let (end, before) = (points[points.len() - 1], points[points.len() - 2]);
        if has_head {
            let (dx, dy) = direction(before, end);
            let last = points.len() - 1;
            // The head covers the end of the line.
            points[last] = (end.0 - 6 * dx, end.1 - 6 * dy);
        }
        self.line(&format!(
            "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"{dash}/>",
            rounded(&points)
        ));
        if has_head {
            let (dx, dy) = direction(before, end);
            let back = (end.0 - 9 * dx, end.1 - 9 * dy);
            self.line(&format!(
                "<path d=\"M{} {}L{} {}L{} {}Z\" fill=\"{colour}\"/>",
                end.0,
                end.1,
                back.0 + 4 * dy,
                back.1 + 4 * dx,
                back.0 - 4 * dy,
                back.1 - 4 * dx
            ));
        }
    }

    /// Marks the beginning of a line at the edge of an area, or a place where lines join.
    pub(super) fn dot(&mut self, (x, y): Point, colour: &str) {
        self.line(&format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{colour}\"/>"));
    }
}

/// The path of a line whose corners are rounded.
fn rounded(points: &[Point]) -> String {
    let mut path = format!("M{} {}", points[0].0, points[0].1);
    for corner in points.windows(3) {
        let (before, at, after) = (corner[0], corner[1], corner[2]);
        let radius = CORNER.min(length(before, at) / 2).min(length(at, after) / 2);
        let (into, out) = (direction(before, at), direction(at, after));
        let enter = (at.0 - radius * into.0, at.1 - radius * into.1);
        let leave = (at.0 + radius * out.0, at.1 + radius * out.1);
        write!(path, "L{} {}Q{} {} {} {}", enter.0, enter.1, at.0, at.1, leave.0, leave.1).unwrap();
    }
    let end = points[points.len() - 1];
    write!(path, "L{} {}", end.0, end.1).unwrap();
    path
}

fn direction(from: Point, to: Point) -> Point {
    assert!(from.0 == to.0 || from.1 == to.1, "{from:?} to {to:?} is not along an axis");
    ((to.0 - from.0).signum(), (to.1 - from.1).signum())
}

fn length(from: Point, to: Point) -> i32 {
    (to.0 - from.0).abs() + (to.1 - from.1).abs()
}

fn middle(one: Point, other: Point) -> Point {
    ((one.0 + other.0) / 2, (one.1 + other.1) / 2)
}
