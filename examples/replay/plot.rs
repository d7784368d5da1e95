//! Drawing what holds come to: how much each coverage holds, and what is locked over time.

use std::fmt::Display;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::args::{Args, Holding};
use crate::price::Price;
use crate::run::Run;
use crate::trace::Trace;
use crate::{Fault, Replayed};

/// In thousandths; the declared ceiling stands after them.
const COVERAGES: [u16; 6] = [900, 950, 980, 990, 995, 999];

const SIZE: (u32, u32) = (800, 860);
/// How many points a curve over time has: each is what was locked on average meanwhile.
const MOMENTS: u64 = 100;

/// Lines that are so high have letters of 13 and of 17.
const LABEL: (&str, f64) = ("sans-serif", 16.12);
const TITLE: (&str, f64) = ("sans-serif", 21.08);

/// They can be told from a light and from a dark background.
const COLOURS: [RGBColor; 6] = [
    RGBColor(59, 139, 212),
    RGBColor(224, 123, 57),
    RGBColor(47, 163, 107),
    RGBColor(201, 95, 168),
    RGBColor(143, 122, 224),
    RGBColor(176, 144, 46),
];

/// The over-hold of a trace: at each coverage, and with the declared ceiling.
struct Overheld<'a> {
    trace: &'a str,
    ratios: Vec<(f64, f64)>,
    ceiling: Option<f64>,
}

/// What was locked while a trace ran: hours since it began, and amounts.
struct Locked {
    holding: Holding,
    amounts: Vec<(f64, f64)>,
}

/// Replays every trace at every coverage and with its ceiling, the first one in each way of holding, and draws the figures.
pub(crate) fn draw(
    file: &Path,
    traces: &[Trace],
    args: &Args,
    price: &Price,
    replay: impl Fn(&Trace, &Args) -> Result<Replayed, Fault>,
) -> Result<(), Fault> {
    let timed = Args { speed: args.speed.or(Some(1)), ..args.clone() };
    let replay = |trace: &Trace, args: Args| {
        let replayed = replay(trace, &args)?;
        replayed.books.check_promises(price.unit()).map(|()| replayed)
    };
    let ratio =
        |trace: &Trace, args: Args| replay(trace, args).map(|replayed| replayed.report.over_hold_ratio());
    let mut curves = Vec::new();
    for trace in traces {
        let mut ratios = Vec::new();
        for (position, coverage) in (0_u8..).zip(COVERAGES) {
            let args = Args { holding: Holding::Forecast, coverage_permille: coverage, ..timed.clone() };
            ratios.extend(ratio(trace, args)?.map(|ratio| (f64::from(position), ratio)));
        }
        let ceiling = ratio(trace, Args { holding: Holding::Ceiling, ..timed.clone() })?;
        curves.push(Overheld { trace: &trace.name, ratios, ceiling });
    }
    let mut locked = Vec::new();
    let first = traces.first();
    for (trace, holding) in first.iter().flat_map(|trace| Holding::ALL.map(|holding| (trace, holding))) {
        let run = replay(trace, Args { holding, ..timed.clone() })?.run;
        // A float is good enough for a drawing.
        let unit = 10_f64.powi(price.unit().scale().into());
        locked.push(Locked { holding, amounts: over_time(&run, unit) });
    }

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let (upper, lower) = root.split_vertically(SIZE.1 * 11 / 20);
        draw_coverage(&upper, &curves).map_err(broken)?;
        let name = first.map_or("", |first| &first.name);
        draw_locked(&lower, name, price.unit().code(), &locked).map_err(broken)?;
        root.present().map_err(broken)?;
    }
    std::fs::write(file, of_any_theme(&svg))
        .map_err(|error| Fault::Input(format!("cannot write {}: {error}", file.display())))
}

fn broken(error: impl Display) -> Fault {
    Fault::Broken(format!("the plot cannot be drawn: {error}"))
}

/// What was locked on average in each of so many equal parts of the time.
fn over_time(run: &Run, unit: f64) -> Vec<(f64, f64)> {
    let (Some((first, _)), Some((last, _))) = (run.locked.first(), run.locked.last()) else {
        return Vec::new();
    };
    let step = ((last - first) / MOMENTS).max(1);
    let hours = |at: u64| (at - first) as f64 / 3_600_000_000.0;
    let (mut held, mut since, mut sum, mut begin) = (0_i128, *first, 0_i128, *first);
    let mut amounts = Vec::new();
    for (at, change) in &run.locked {
        while begin + step <= *at {
            sum += held * i128::from(begin + step - since);
            amounts.push((hours(begin + step / 2), sum as f64 / step as f64 / unit));
            begin += step;
            (since, sum) = (begin, 0);
        }
        sum += held * i128::from(at - since);
        held += i128::from(*change);
        since = *at;
    }
    amounts
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn draw_coverage<'a>(area: &Area<'a>, curves: &[Overheld<'_>]) -> Drawn<'a> {
    let most = curves
        .iter()
        .flat_map(|curve| curve.ratios.iter().map(|(_, ratio)| *ratio).chain(curve.ceiling))
        .fold(2.0, f64::max);
    let last = COVERAGES.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption("Held for each unit of true cost, by coverage", TITLE)
        .margin(8)
        .x_label_area_size(46)
        .y_label_area_size(56)
        // On the scale of a logarithm: so many doublings.
        .build_cartesian_2d(-0.2..last + 0.4, 0.0..most.log2() + 0.3)?;
    let coverage = |position: &f64| {
        let nearest = COVERAGES.iter().zip(0_u8..).find(|(_, at)| (position - f64::from(*at)).abs() < 0.1);
        match nearest {
            Some((permille, _)) => (f64::from(*permille) / 1_000.0).to_string(),
            None if (position - last).abs() < 0.1 => "declared".to_owned(),
            None => String::new(),
        }
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.2))
        .x_labels(COVERAGES.len() + 2)
        .x_label_formatter(&coverage)
        .y_labels(8)
        .y_label_formatter(&|doublings| doublings.exp2().to_string())
        .x_desc("coverage asked of the forecast, and the declared maximum")
        .label_style(LABEL)
        .draw()?;
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let points = curve.ratios.iter().map(|(position, ratio)| (*position, ratio.log2()));
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?
            .label(curve.trace)
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        let declared = curve.ceiling.map(|ratio| (last, ratio.log2()));
        chart.draw_series(points.chain(declared).map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).label_font(LABEL).draw()
}

fn draw_locked<'a>(area: &Area<'a>, trace: &str, unit: &str, curves: &[Locked]) -> Drawn<'a> {
    let points = || curves.iter().flat_map(|curve| &curve.amounts);
    let hours = points().map(|(hours, _)| *hours).fold(0.0, f64::max);
    let most = points().map(|(_, amount)| *amount).fold(0.0, f64::max);
    if hours <= 0.0 || most <= 0.0 {
        return Ok(());
    }
    let mut chart = ChartBuilder::on(area)
        .caption(format!("Locked over time: {trace}"), TITLE)
        .margin(8)
        .x_label_area_size(46)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..hours, 0.0..most * 1.05)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.2))
        .x_desc("hours")
        .y_desc(unit)
        .label_style(LABEL)
        .draw()?;
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        chart
            .draw_series(LineSeries::new(curve.amounts.iter().copied(), colour.stroke_width(2)))?
            .label(curve.holding.name())
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperRight).label_font(LABEL).draw()
}

/// What is drawn in black takes the colour of the text around it, and the drawing the width that there is. What says nothing
/// new is left out.
fn of_any_theme(svg: &str) -> String {
    let font = "font-family=\"sans-serif\" ";
    let size = format!("width=\"{}\" height=\"{}\" ", SIZE.0, SIZE.1);
    let svg = svg
        .replace(font, "")
        .replacen(&size, font, 1)
        .replace("#000000", "currentColor")
        .replace(" opacity=\"1\"", "")
        .replace(" stroke-width=\"1\"", "");
    let mut lines = String::new();
    for line in svg.lines() {
        // A text stands in a line of its own; taken together with its element, no line can be empty.
        if line.starts_with('<') && line != "</text>" && !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(line);
    }
    lines.push('\n');
    lines
}
