//! An SVG to draw on, without a ground of its own: its ink can be read on white and on black.

use std::io;

use plotters::coord::Shift;
use plotters::prelude::{Circle, DrawingArea, IntoDrawingArea, PathElement, Rectangle, SVGBackend, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, TextStyle};

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(0x7a, 0x83, 0x8d);
/// Lines behind everything.
const FAINT: f64 = 0.3;

/// Draws into a text, in pixels.
pub(super) struct Canvas<'t> {
    area: DrawingArea<SVGBackend<'t>, Shift>,
}

/// Where a text stands beside its point.
#[derive(Clone, Copy)]
pub(super) enum Align {
    Left,
    Center,
    Right,
}

impl<'t> Canvas<'t> {
    pub(super) fn new(out: &'t mut String, size: (u32, u32)) -> Self {
        Self { area: SVGBackend::with_string(out, size).into_drawing_area() }
    }

    pub(super) fn text(&self, at: (i32, i32), align: Align, size: i32, text: &str) -> io::Result<()> {
        let side = match align {
            Align::Left => HPos::Left,
            Align::Center => HPos::Center,
            Align::Right => HPos::Right,
        };
        let font = ("sans-serif", size).into_font();
        let style = TextStyle::from(font).color(&INK).pos(Pos::new(side, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), at, style)).map_err(io::Error::other)
    }

    pub(super) fn rule(&self, from: (i32, i32), to: (i32, i32), is_faint: bool) -> io::Result<()> {
        let style = if is_faint { INK.mix(FAINT) } else { INK.mix(1.0) };
        self.area.draw(&PathElement::new([from, to], style)).map_err(io::Error::other)
    }

    pub(super) fn bar(&self, from: (i32, i32), to: (i32, i32), color: RGBColor) -> io::Result<()> {
        self.area.draw(&Rectangle::new([from, to], color.filled())).map_err(io::Error::other)
    }

    pub(super) fn line(&self, points: &[(i32, i32)], color: RGBColor) -> io::Result<()> {
        let style = color.stroke_width(2);
        self.area.draw(&PathElement::new(points.to_vec(), style)).map_err(io::Error::other)?;
        for &point in points {
            self.area.draw(&Circle::new(point, 3, color.filled())).map_err(io::Error::other)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.area.present().map_err(io::Error::other)
    }
}

/// A logarithmic axis.
pub(super) struct Axis {
    least: f64,
    most: f64,
    from: i32,
    to: i32,
}

impl Axis {
    /// An axis on which all values have room, from one pixel to another.
    pub(super) fn new(values: impl Iterator<Item = f64>, (from, to): (i32, i32)) -> Self {
        let (least, most) =
            values.fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
        Self { least, most: most.max(least * 1.01), from, to }
    }

    /// The pixel of a value.
    #[expect(clippy::cast_possible_truncation, reason = "the axis is some hundred pixels long")]
    pub(super) fn place(&self, value: f64) -> i32 {
        let share = (value / self.least).ln() / (self.most / self.least).ln();
        let length = f64::from(self.to - self.from);
        self.from + (share.clamp(0.0, 1.0) * length).round() as i32
    }

    /// Round values on the axis: 1, 2, 5, 10 and so on, or powers of ten alone where that is enough.
    pub(super) fn marks(&self) -> Vec<f64> {
        let steps: &[f64] = if self.most / self.least > 500.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let powers = (-6..9).map(|power| 10_f64.powi(power));
        let marks = powers.flat_map(|power| steps.iter().map(move |step| step * power));
        marks.filter(|mark| (self.least * 0.999..=self.most * 1.001).contains(mark)).collect()
    }
}
