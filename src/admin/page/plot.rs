//! How has it gone? Small plots: one or two lines over the last two minutes, as SVG.

use crate::admin::trend::SAMPLES;
use std::fmt::{self, Write};

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 72.0;

/// Whether two lines are drawn to one scale.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scales {
    /// Both reach as high as the higher one.
    Shared,
    /// Each fills the plot.
    Apart,
}

/// Draws `first` with the area below it, and `second` over it. The newest value is at the right.
pub(super) fn draw(out: &mut String, first: &[f64], second: &[f64], scales: Scales) -> fmt::Result {
    let top = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let (mut first_top, mut second_top) = (top(first), top(second));
    if scales == Scales::Shared {
        first_top = first_top.max(second_top);
        second_top = first_top;
    }
    write!(
        out,
        "<svg viewBox='0 0 {WIDTH} {HEIGHT}' preserveAspectRatio='none' aria-hidden='true'>\
         <path class='grid' d='M0 .5H{WIDTH}M0 {}H{WIDTH}M0 {HEIGHT}H{WIDTH}'/>",
        HEIGHT / 2.0
    )?;
    let line = points(first, first_top);
    if let Some((x, _)) = line.first() {
        out.push_str("<path class='area' d='M");
        write!(out, "{x:.1} {HEIGHT}")?;
        path(out, &line, 'L')?;
        write!(out, "V{HEIGHT}Z'/>")?;
    }
    for (class, line) in [("line", line), ("line second", points(second, second_top))] {
        if !line.is_empty() {
            write!(out, "<path class='{class}' d='")?;
            path(out, &line, 'M')?;
            out.push_str("'/>");
        }
    }
    out.push_str("</svg>");
    Ok(())
}

fn path(out: &mut String, points: &[(f64, f64)], begin: char) -> fmt::Result {
    let mut step = begin;
    for (x, y) in points {
        write!(out, "{step}{x:.1} {y:.1}")?;
        step = 'L';
    }
    Ok(())
}

fn points(values: &[f64], top: f64) -> Vec<(f64, f64)> {
    let step = WIDTH / (SAMPLES - 1) as f64;
    let start = WIDTH - step * values.len().saturating_sub(1) as f64;
    let scale = if top > 0.0 { (HEIGHT - 4.0) / top } else { 0.0 };
    let place = |(i, value): (usize, &f64)| (start + step * i as f64, HEIGHT - value * scale);
    values.iter().enumerate().map(place).collect()
}
