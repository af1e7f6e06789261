//! The figures as a picture: bars of CPU per request, shorter is better.

use std::fmt::Write as _;

use crate::peer::BASELINE;
use crate::report::Section;

const WIDTH: f64 = 860.0;
/// Where the bars begin; titles stand to their left.
const LEFT: f64 = 330.0;
const RIGHT: f64 = 50.0;
const TOP: f64 = 64.0;
const BAR: f64 = 13.0;
const GAP: f64 = 14.0;
/// Colours that can be told apart by those who do not see them all, one for each peer.
const COLOURS: [&str; 6] = ["#8c8c8c", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00"];

/// Draws all work; an error of formatting cannot happen with a String.
pub(crate) fn draw(sections: &[Section]) -> Result<String, std::fmt::Error> {
    let ratios = sections.iter().flat_map(|(_, rows)| rows.iter().map(|row| row.cost_ratio));
    let longest = ratios.filter(|ratio| ratio.is_finite()).fold(1.0, f64::max);
    let scale = (WIDTH - LEFT - RIGHT) / longest;
    let bars: usize = sections.iter().map(|(_, rows)| rows.len()).sum();
    let bottom = TOP + bars as f64 * BAR + sections.len() as f64 * GAP;
    let mut svg = String::new();
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"24\" font-size=\"15\" font-weight=\"bold\">CPU time of the proxy per \
         request, {BASELINE} = 1.00; shorter is better</text>",
        height = bottom + 12.0,
    )?;
    legend(&mut svg, sections)?;
    let mut y = TOP;
    for (work, rows) in sections {
        let title = work.title;
        let middle = y + rows.len() as f64 * BAR / 2.0 + 4.0;
        let end = LEFT - 10.0;
        writeln!(svg, "<text x=\"{end}\" y=\"{middle}\" text-anchor=\"end\">{title}</text>")?;
        for (row, colour) in rows.iter().zip(COLOURS.iter().cycle()) {
            let (height, baseline) = (BAR - 2.0, y + BAR - 3.5);
            if row.cost_ratio.is_finite() {
                let width = row.cost_ratio * scale;
                let after = LEFT + width + 4.0;
                writeln!(
                    svg,
                    "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\" \
                     fill=\"{colour}\"/>\n<text x=\"{after:.1}\" y=\"{baseline}\" \
                     font-size=\"10\">{ratio:.2}</text>",
                    ratio = row.cost_ratio,
                )?;
            }
            y += BAR;
        }
        y += GAP;
    }
    let one = LEFT + scale;
    writeln!(
        svg,
        "<line x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"#333333\" \
         stroke-dasharray=\"3 3\"/>\n</svg>"
    )?;
    Ok(svg)
}

fn legend(svg: &mut String, sections: &[Section]) -> std::fmt::Result {
    let rows = sections.first().map(|(_, rows)| rows.as_slice()).unwrap_or_default();
    let mut x = LEFT;
    for (row, colour) in rows.iter().zip(COLOURS.iter().cycle()) {
        let (text, name) = (x + 15.0, row.peer);
        writeln!(
            svg,
            "<rect x=\"{x}\" y=\"37\" width=\"11\" height=\"11\" fill=\"{colour}\"/>\n\
             <text x=\"{text}\" y=\"47\">{name}</text>"
        )?;
        x += 32.0 + name.len() as f64 * 7.0;
    }
    Ok(())
}
