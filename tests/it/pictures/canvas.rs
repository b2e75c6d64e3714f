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
/// The size of text without attributes, and the smallest one.
const SIZE: i32 = 13;
const SMALLEST: i32 = 11;
/// Between text and the edge.
const MARGIN: i32 = 4;

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
pub(super) struct Canvas {
    picture: String,
    size: Point,
}

impl Canvas {
    pub(super) fn new((width, height): Point, title: &str, description: &str) -> Self {
        let mut canvas = Self { picture: String::new(), size: (width, height) };
        canvas.line(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             style=\"max-width:100%;height:auto\" role=\"img\" font-family=\"{SANS}\" font-size=\"{SIZE}\" \
             fill=\"{INK}\">"
        ));
        canvas.line(&format!("<title>{}</title>", escaped(title)));
        canvas.line(&format!("<desc>{}</desc>", escaped(description)));
        canvas.line(&format!("<style>{STYLE}</style>"));
        canvas
    }

    pub(super) fn finish(mut self) -> String {
        self.line("</svg>");
        self.picture
    }

    pub(super) fn line(&mut self, text: &str) {
        assert!(!text.is_empty() && !text.contains(['[', ']', '\n']), "Markdown would interpret {text}");
        self.picture += text;
        self.picture.push('\n');
    }

    /// Text with attributes of its own, such as `font-weight="600"`. It has to fit into the picture in the usual fonts.
    pub(super) fn text(&mut self, (x, y): Point, anchor: Anchor, attributes: &str, text: &str) {
        let width = width_of(text, attributes);
        let (anchor, left) = match anchor {
            Anchor::Start => ("start", x),
            Anchor::Middle => ("middle", x - width / 2),
            Anchor::End => ("end", x - width),
        };
        let fits = left >= MARGIN && left + width <= self.size.0 - MARGIN && y >= 11 && y + 3 <= self.size.1;
        assert!(fits, "{text:?} from {left} to {} at {y} is outside {:?}", left + width, self.size);
        let space = if attributes.is_empty() { "" } else { " " };
        self.line(&format!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\"{space}{attributes}>{}</text>",
            escaped(text)
        ));
    }

    /// Text that runs upwards, around its middle.
    pub(super) fn upward_text(&mut self, (x, y): Point, text: &str) {
        self.line(&format!(
            "<text transform=\"translate({x} {y}) rotate(-90)\" text-anchor=\"middle\" fill=\"{INK}\">{}</text>",
            escaped(text)
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

    /// A rectangle from its upper left corner, filled with a tint of its colour, and without a border.
    pub(super) fn area(&mut self, (x, y): Point, (width, height): Point, colour: &str, tint: &str) {
        self.line(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\" \
             fill-opacity=\"{tint}\"/>"
        ));
    }

    /// A thin line in the background.
    pub(super) fn guide(&mut self, from: Point, to: Point) {
        self.line(&format!(
            "<path d=\"M{} {}L{} {}\" stroke=\"{INK}\" stroke-opacity=\"0.35\"/>",
            from.0, from.1, to.0, to.1
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

/// The width of a text with its attributes, estimated: a letter of a monospaced font is as wide as 0.6 of its height, one of
/// the other font has about this width.
fn width_of(text: &str, attributes: &str) -> i32 {
    let size = attributes
        .split_once("font-size=\"")
        .map_or(SIZE, |(_, rest)| rest.split_once('"').unwrap().0.parse().unwrap());
    assert!(size >= SMALLEST, "{text:?} is too small");
    let is_bold = attributes.contains("font-weight") && !attributes.contains(MONO);
    count(text.chars().count()) * size * if is_bold { 70 } else { 60 } / 100
}

/// The attributes of monospaced text of a size.
pub(super) fn mono(size: i32) -> String {
    format!("font-family=\"{MONO}\" font-size=\"{size}\"")
}

/// A number of items, as a factor of lengths.
pub(super) fn count(items: usize) -> i32 {
    i32::try_from(items).unwrap()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
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
