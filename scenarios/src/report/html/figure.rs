//! The timeline: phases, requests per side, latency, the pool per gateway instance, losses.

mod charts;
mod rows;

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use turquoise_emulator::Instant;

use super::scale::TimeScale;
use super::tables::phase_name;
use super::{Run, STYLE, escape, plural};

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 118.0;
const RIGHT: f64 = 948.0;
const PHASES_TOP: f64 = 20.0;
const PHASES_HEIGHT: f64 = 20.0;
const ROWS_TOP: f64 = 320.0;
const ROW: f64 = 22.0;
/// A label is written into a box only where it fits: about eight units for each letter.
const LETTER: f64 = 8.0;

/// The figure with its legend and caption.
pub(super) fn section(run: &Run<'_>) -> String {
    let declared = &run.observation.declared;
    let (old, new) = (escape(&declared.old.name), escape(&declared.new.name));
    format!(
        "<h2 id=\"timeline\">Timeline</h2>\n<figure>\n<ul class=\"legend\">\
         <li><i style=\"background:var(--old)\"></i>{old} (before)</li>\
         <li><i style=\"background:var(--new)\"></i>{new} (after)</li>\
         <li><i style=\"background:var(--mixed)\"></i>both in the pool</li>\
         <li><i style=\"background:var(--other)\"></i>application errors and broken promises</li>\
         <li><i style=\"background:var(--bad)\"></i>lost</li></ul>\n\
         <div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"timeline\">\n{}</div>\n\
         <figcaption>{}</figcaption>\n</figure>\n",
        Figure::new(run).draw(),
        caption(run),
    )
}

/// The figure as a file of its own: with its name space, its colours and its page.
pub(super) fn picture(run: &Run<'_>) -> String {
    let drawn = Figure::new(run).draw();
    let opened = drawn.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1);
    let style = format!("<style>\n{STYLE}\nsvg {{ background: var(--card); }}\n</style>\n<title ");
    opened.replacen("<title ", &style, 1)
}

fn caption(run: &Run<'_>) -> String {
    let width = run.observation.felt(run.series.width).as_secs_f64() * 1000.0;
    let speed = run.observation.speed;
    let faster = if (speed - 1.0).abs() > f64::EPSILON {
        format!(" The cloud ran {speed} times faster than the clock.")
    } else {
        String::new()
    };
    format!(
        "Time is what clients felt, from the start of the swap.{faster} Each point covers {width:.0} ms. \
         A gateway instance row shows the pool it really dispatched to; the ARM row shows what the \
         control plane said."
    )
}

struct Figure<'a> {
    run: &'a Run<'a>,
    time: TimeScale,
    bottom: f64,
    svg: String,
}

impl<'a> Figure<'a> {
    fn new(run: &'a Run<'a>) -> Self {
        let span = (run.series.start, run.series.end());
        let zero = run.observation.window.swap_start;
        let rows = 2 + run.timeline.gateway_instances().count();
        Self {
            run,
            time: TimeScale::new((LEFT, RIGHT), span, zero, run.observation.speed),
            bottom: ROWS_TOP + ROW * f64::from(u32::try_from(rows).unwrap_or(u32::MAX)),
            svg: String::new(),
        }
    }

    fn draw(mut self) -> String {
        let height = self.bottom + 28.0;
        let description = self.description();
        self.put(format_args!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"picture-title picture-text\">\n\
             <title id=\"picture-title\">The swap over time</title>\n\
             <desc id=\"picture-text\">{description}</desc>\n"
        ));
        self.bands();
        self.axis();
        self.requests();
        self.latency();
        self.pools();
        self.losses();
        self.hover();
        self.svg.push_str("</svg>\n");
        self.svg
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        let _infallible = self.svg.write_fmt(text);
    }

    fn text(&mut self, x: f64, y: f64, attributes: &str, text: &str) {
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{text}</text>\n"
        ));
    }

    fn name(&mut self, y: f64, name: &str) {
        self.text(LEFT - 10.0, y, "text-anchor=\"end\" class=\"name\"", name);
    }

    /// What the picture shows, in words.
    fn description(&self) -> String {
        let declared = &self.run.observation.declared;
        let mut text = format!(
            "Requests per second answered by {} and {}, their latency, and the pool of each gateway instance. ",
            escape(&declared.old.name),
            escape(&declared.new.name)
        );
        for (at, members) in self.arm_steps() {
            let at = self.time.felt(at);
            let _infallible = write!(
                text,
                "At {at:.1} s the pool became {}. ",
                self.pool_name(&members)
            );
        }
        let lost = self.run.verdict.requests.lost();
        text + &format!("{} lost.", plural(lost, "request"))
    }

    /// The journal's phases as bands behind everything, named on top.
    fn bands(&mut self) {
        let end = self.run.observation.window.swap_end;
        let marks = &self.run.observation.phases;
        for (index, mark) in marks.iter().enumerate() {
            let until = marks.get(index + 1).map_or(end, |next| next.at);
            let (x, width) = self.between(mark.at, until);
            if width < 0.05 {
                continue;
            }
            if index.is_multiple_of(2) {
                let height = self.bottom - PHASES_TOP;
                self.put(format_args!(
                    "<rect x=\"{x:.1}\" y=\"{PHASES_TOP}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"var(--band)\"/>\n"
                ));
            }
            let back = if mark.reverse { "←" } else { "" };
            let label = format!("P{}{back}", mark.phase);
            let title = format!("{label} {}", phase_name(mark.phase));
            self.put(format_args!(
                "<rect x=\"{x:.1}\" y=\"{PHASES_TOP}\" width=\"{width:.1}\" height=\"{PHASES_HEIGHT}\" fill=\"transparent\" stroke=\"var(--line)\"><title>{title}</title></rect>\n"
            ));
            self.fit(
                x,
                width,
                PHASES_TOP + 14.0,
                "text-anchor=\"middle\"",
                &label,
            );
        }
        self.name(PHASES_TOP + 14.0, "Phase");
    }

    fn axis(&mut self) {
        let bottom = self.bottom;
        for (at, label) in self.time.ticks() {
            let x = self.time.x(at);
            self.put(format_args!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom:.1}\" y2=\"{:.1}\" stroke=\"var(--soft)\"/>\n",
                bottom + 5.0
            ));
            self.text(x, bottom + 19.0, "text-anchor=\"middle\"", &label);
        }
        for at in [
            self.run.observation.window.swap_start,
            self.run.observation.window.swap_end,
        ] {
            let x = self.time.x(at);
            self.put(format_args!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{PHASES_TOP}\" y2=\"{bottom:.1}\" stroke=\"var(--soft)\" stroke-dasharray=\"3 3\"/>\n"
            ));
        }
    }

    fn grid(&mut self, y: f64, label: &str) {
        self.put(format_args!(
            "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"var(--line)\"/>\n"
        ));
        self.text(RIGHT + 6.0, y + 4.0, "", label);
    }

    /// Writes a label into the middle of a box, where it fits.
    fn fit(&mut self, x: f64, width: f64, y: f64, attributes: &str, label: &str) {
        let letters = f64::from(u32::try_from(label.chars().count()).unwrap_or(u32::MAX));
        if letters * LETTER < width {
            self.text(x + width / 2.0, y, attributes, label);
        }
    }

    fn bin(&self, index: usize) -> (f64, f64) {
        let series = self.run.series;
        (
            self.time.x(series.start_of(index)),
            self.time.x(series.start_of(index + 1)),
        )
    }

    fn between(&self, from: Instant, until: Instant) -> (f64, f64) {
        let x = self.time.x(from);
        (x, self.time.x(until) - x)
    }

    fn arm_steps(&self) -> Vec<(Instant, Vec<Ipv4Addr>)> {
        let start = self.run.observation.window.swap_start;
        let steps = self.run.timeline.arm_steps().iter();
        steps.filter(|(at, _)| *at >= start).cloned().collect()
    }
}
