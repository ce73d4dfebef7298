//! Processor, lateness and memory against the number of calls, as an SVG of three panels.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::media::Step;

const SIZE: (u32, u32) = (760, 780);
const COLOURS: [RGBColor; 3] = [RGBColor(31, 94, 168), RGBColor(196, 78, 28), RGBColor(46, 125, 80)];

/// A line of a panel.
struct Series<'a> {
    name: &'a str,
    points: Vec<(f64, f64)>,
}

/// Draws the steps, which may be in any order.
///
/// # Errors
/// What the drawing library has to complain of.
pub fn draw(steps: &[Step], title: &str) -> Result<String, String> {
    let mut steps: Vec<&Step> = steps.iter().filter(|step| step.calls > 0).collect();
    steps.sort_by_key(|step| step.calls);
    let of = |value: &dyn Fn(&Step) -> Option<f64>| -> Vec<(f64, f64)> {
        steps.iter().filter_map(|step| Some((step.calls as f64, value(step)?))).collect()
    };
    let processor = [
        Series { name: "hotline", points: of(&|step| step.core.map(|core| core * 100.0)) },
        Series { name: "load maker, on another core", points: of(&|step| Some(step.maker_core * 100.0)) },
    ];
    let late = [
        Series { name: "99.9 %", points: of(&|step| Some(step.late_ms.p999)) },
        Series { name: "99 %", points: of(&|step| Some(step.late_ms.p99)) },
        Series { name: "median", points: of(&|step| Some(step.late_ms.p50)) },
    ];
    let memory = [Series { name: "resident", points: of(&|step| step.resident_kb.map(|kb| kb as f64 / 1024.0)) }];
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        let drawn = root
            .fill(&WHITE)
            .and_then(|()| root.titled(title, ("sans-serif", 20)))
            .map_err(|error| error.to_string())
            .and_then(|area| {
                let panels = area.split_evenly((3, 1));
                let named = [("% of a core", &processor[..]), ("late by ms", &late[..]), ("memory in MB", &memory[..])];
                panels.iter().zip(named).try_for_each(|(panel, (name, series))| panel_of(panel, name, series))
            });
        drawn.and_then(|()| root.present().map_err(|error| error.to_string()))?;
    }
    Ok(text)
}

fn panel_of(area: &DrawingArea<SVGBackend<'_>, Shift>, name: &str, series: &[Series<'_>]) -> Result<(), String> {
    let fault = |error: &dyn std::fmt::Display| error.to_string();
    let all = || series.iter().flat_map(|one| one.points.iter());
    let most = |value: fn(&(f64, f64)) -> f64| all().map(value).fold(0.0_f64, f64::max).max(1.0) * 1.08;
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(34)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..most(|point| point.0), 0.0..most(|point| point.1))
        .map_err(|error| fault(&error))?;
    chart
        .configure_mesh()
        .x_desc("calls at once")
        .y_desc(name)
        .x_label_formatter(&|calls| format!("{calls:.0}"))
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .label_style(("sans-serif", 13))
        .draw()
        .map_err(|error| fault(&error))?;
    for (one, colour) in series.iter().zip(COLOURS) {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(one.points.iter().copied(), style).point_size(3))
            .map_err(|error| fault(&error))?
            .label(one.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(225, 225, 225))
        .label_font(("sans-serif", 13))
        .draw()
        .map_err(|error| fault(&error))
}
