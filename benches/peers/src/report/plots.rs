//! Plots: bars in groups, and lines in panels, both over logarithmic axes.

use std::io;

use plotters::style::RGBColor;

use super::canvas::{Align, Axis, Canvas, INK};
use super::table::number;

/// Those of milter-proto.
const OURS: [RGBColor; 3] =
    [RGBColor(0x1f, 0x7a, 0xe0), RGBColor(0x69, 0xb1, 0xf7), RGBColor(0x14, 0x4d, 0x8f)];
/// Those that parse nothing.
const NULL: [RGBColor; 2] = [INK, RGBColor(0xab, 0xb2, 0xb9)];
/// The others.
const OTHERS: [RGBColor; 4] = [
    RGBColor(0xd9, 0x7a, 0x1c),
    RGBColor(0x2d, 0xa4, 0x4e),
    RGBColor(0xa4, 0x6a, 0xe8),
    RGBColor(0xd6, 0x4b, 0x5c),
];

const WIDTH: i32 = 860;
const MARGIN: i32 = 16;
const TITLE: i32 = 16;
const LABEL: i32 = 12;

/// A plot.
pub enum Plot {
    /// Bars in groups.
    Bars(Bars),
    /// Lines in panels.
    Lines(Lines),
}

/// Bars from left to right on a logarithmic axis, in groups.
pub struct Bars {
    title: &'static str,
    axis: &'static str,
    series: Vec<String>,
    groups: Vec<(String, Vec<Option<f64>>)>,
}

/// Lines over a logarithmic axis, with a panel for each quantity.
pub struct Lines {
    title: &'static str,
    axis: &'static str,
    panels: Vec<(&'static str, Vec<Line>)>,
}

struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

impl Plot {
    /// What it shows.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Bars(bars) => bars.title,
            Self::Lines(lines) => lines.title,
        }
    }

    /// Draws it.
    ///
    /// # Errors
    /// If the library cannot.
    pub fn to_svg(&self) -> io::Result<String> {
        match self {
            Self::Bars(bars) => bars.to_svg(),
            Self::Lines(lines) => lines.to_svg(),
        }
    }
}

impl Bars {
    const LEFT: i32 = 210;
    const TOP: i32 = 84;
    const BAR: i32 = 13;
    const GAP: i32 = 14;
    /// Room for the value behind the longest bar.
    const VALUE: i32 = 60;

    pub(super) fn new(title: &'static str, axis: &'static str, series: &[&str]) -> Self {
        let series = series.iter().map(|name| (*name).to_owned()).collect();
        Self { title, axis, series, groups: Vec::new() }
    }

    /// Adds a group, with a value for each series or none.
    pub(super) fn group(&mut self, name: &str, values: impl Iterator<Item = Option<f64>>) {
        self.groups.push((name.to_owned(), values.collect()));
    }

    fn to_svg(&self) -> io::Result<String> {
        let shown = |values: &[Option<f64>]| values.iter().flatten().count();
        let bars = self.groups.iter().map(|(_, values)| shown(values)).sum::<usize>();
        let height = Self::BAR * to_i32(bars) + Self::GAP * to_i32(self.groups.len());
        let bottom = Self::TOP + height;
        let values = || self.groups.iter().flat_map(|group| group.1.iter().flatten().copied());
        // The shortest bar is to be seen, too.
        let start = values().fold(f64::INFINITY, f64::min) * 0.7;
        let axis = Axis::new(values().chain([start]), (Self::LEFT, WIDTH - MARGIN - Self::VALUE));

        let mut out = String::new();
        let canvas = Canvas::new(&mut out, (WIDTH as u32, (bottom + 52) as u32));
        canvas.text((MARGIN, 22), Align::Left, TITLE, self.title)?;
        legend(&canvas, self.series.iter().map(String::as_str), MARGIN)?;
        for mark in axis.marks() {
            let x = axis.place(mark);
            canvas.rule((x, Self::TOP), (x, bottom), true)?;
            canvas.text((x, bottom + 12), Align::Center, LABEL, &mark_text(mark))?;
        }
        canvas.rule((Self::LEFT, Self::TOP), (Self::LEFT, bottom), false)?;
        let middle = Self::LEFT.midpoint(WIDTH - MARGIN - Self::VALUE);
        canvas.text((middle, bottom + 36), Align::Center, LABEL, self.axis)?;

        let mut y = Self::TOP + Self::GAP / 2;
        for (name, values) in &self.groups {
            let center = y + Self::BAR * to_i32(shown(values)) / 2;
            canvas.text((Self::LEFT - 8, center), Align::Right, LABEL, name)?;
            for (value, series) in values.iter().zip(&self.series) {
                let Some(value) = value else { continue };
                let x = axis.place(*value);
                canvas.bar((Self::LEFT, y + 1), (x, y + Self::BAR - 2), color(series))?;
                canvas.text((x + 5, y + Self::BAR / 2), Align::Left, LABEL - 1, &number(Some(*value)))?;
                y += Self::BAR;
            }
            y += Self::GAP;
        }
        canvas.finish()?;
        Ok(out)
    }
}

impl Lines {
    const TOP: i32 = 110;
    const HEIGHT: i32 = 230;
    const LEFT: i32 = 60;

    pub(super) fn new(title: &'static str, axis: &'static str) -> Self {
        Self { title, axis, panels: Vec::new() }
    }

    /// Adds a line to the panel of a quantity.
    pub(super) fn line(&mut self, quantity: &'static str, name: &str, points: Vec<(f64, f64)>) {
        let line = Line { name: name.to_owned(), points };
        match self.panels.iter_mut().find(|panel| panel.0 == quantity) {
            Some((_, lines)) => lines.push(line),
            None => self.panels.push((quantity, vec![line])),
        }
    }

    fn to_svg(&self) -> io::Result<String> {
        let names = self.panels.first().into_iter().flat_map(|(_, lines)| lines);
        let mut out = String::new();
        let canvas = Canvas::new(&mut out, (WIDTH as u32, (Self::TOP + Self::HEIGHT + 52) as u32));
        canvas.text((MARGIN, 22), Align::Left, TITLE, self.title)?;
        legend(&canvas, names.map(|line| line.name.as_str()), MARGIN)?;
        let width = WIDTH / to_i32(self.panels.len().max(1));
        for (number, (quantity, lines)) in self.panels.iter().enumerate() {
            self.panel(&canvas, quantity, lines, width * to_i32(number), width)?;
        }
        canvas.finish()?;
        Ok(out)
    }

    fn panel(
        &self,
        canvas: &Canvas<'_>,
        quantity: &str,
        lines: &[Line],
        left: i32,
        width: i32,
    ) -> io::Result<()> {
        let (left, right) = (left + Self::LEFT, left + width - MARGIN - 12);
        let (top, bottom) = (Self::TOP, Self::TOP + Self::HEIGHT);
        let points =
            || lines.iter().flat_map(|line| line.points.iter().copied()).filter(|point| point.1 > 0.0);
        let across = Axis::new(points().map(|point| point.0), (left, right));
        let (least, most) = points()
            .fold((f64::INFINITY, 0.0_f64), |(least, most), point| (least.min(point.1), most.max(point.1)));
        let up = Axis::new([round_down(least), round_up(most)].into_iter(), (bottom, top));

        canvas.text((left, top - 18), Align::Left, LABEL, quantity)?;
        for mark in up.marks() {
            let y = up.place(mark);
            canvas.rule((left, y), (right, y), true)?;
            canvas.text((left - 8, y), Align::Right, LABEL, &mark_text(mark))?;
        }
        let mut places = points().map(|point| point.0).collect::<Vec<_>>();
        places.sort_by(f64::total_cmp);
        places.dedup();
        for place in places {
            canvas.text((across.place(place), bottom + 14), Align::Center, LABEL, &mark_text(place))?;
        }
        canvas.rule((left, bottom), (right, bottom), false)?;
        canvas.text((left.midpoint(right), bottom + 36), Align::Center, LABEL, self.axis)?;
        for line in lines {
            let points = line.points.iter().filter(|point| point.1 > 0.0);
            let points = points.map(|&(x, y)| (across.place(x), up.place(y))).collect::<Vec<_>>();
            canvas.line(&points, color(&line.name))?;
        }
        Ok(())
    }
}

/// Names with their colours, in a row below the title.
fn legend<'n>(canvas: &Canvas<'_>, names: impl Iterator<Item = &'n str>, left: i32) -> io::Result<()> {
    let mut x = left;
    for name in names {
        canvas.bar((x, 46), (x + 11, 57), color(name))?;
        canvas.text((x + 17, 52), Align::Left, LABEL, name)?;
        // An estimate: the width of a letter is up to the font.
        x += 17 + 13 * to_i32(name.len()) / 2 + 14;
    }
    Ok(())
}

/// The colour of a name, the same in all plots.
fn color(name: &str) -> RGBColor {
    match name {
        "milter-proto" | "filter_blocking" => OURS[0],
        "filter_tokio" => OURS[1],
        "drop-in" => OURS[2],
        "null, threads" => NULL[0],
        "null, tokio" => NULL[1],
        "libmilter" => OTHERS[0],
        "miltr" | "miltr-server" => OTHERS[1],
        "indymilter" => OTHERS[2],
        _ => OTHERS[3],
    }
}

/// The next of 1, 2, 5, 10 and so on below a value.
fn round_down(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [5.0, 2.0].into_iter().map(|step| step * power).find(|round| *round <= value).unwrap_or(power)
}

/// The next of 1, 2, 5, 10 and so on above a value.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|step| step * power).find(|round| *round >= value).unwrap_or(10.0 * power)
}

/// A round value, without zeros behind it.
fn mark_text(value: f64) -> String {
    if value < 1000.0 { value.to_string() } else { number(Some(value)) }
}

fn to_i32(count: usize) -> i32 {
    i32::try_from(count).unwrap_or_default()
}
