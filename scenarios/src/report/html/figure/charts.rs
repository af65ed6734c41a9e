//! Requests per second and latency, on two scales over the same time.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::scale::{LinearScale, LogScale};
use super::{Figure, RIGHT};
use crate::report::series::Bin;

const REQUESTS_BOTTOM: f64 = 186.0;
const REQUESTS_HEIGHT: f64 = 124.0;
const LATENCY_BOTTOM: f64 = 300.0;
const LATENCY_HEIGHT: f64 = 88.0;

impl Figure<'_> {
    /// Requests per second, stacked by who answered them.
    pub(super) fn requests(&mut self) {
        let per_second = 1.0
            / self
                .run
                .observation
                .felt(self.run.series.width)
                .as_secs_f64()
                .max(1e-9);
        let bins = &self.run.series.bins;
        let largest = bins
            .iter()
            .map(|bin| f64::from(bin.total()) * per_second)
            .fold(0.0, f64::max);
        let scale = LinearScale::new(REQUESTS_BOTTOM, REQUESTS_HEIGHT, largest);
        for value in scale.ticks() {
            self.grid(scale.y(value), &format!("{value}"));
        }
        type Layer = fn(&Bin) -> u32;
        let layers: [(&str, Layer); 4] = [
            ("--old", |bin| bin.old),
            ("--new", |bin| bin.new),
            ("--other", |bin| bin.other),
            ("--bad", |bin| bin.lost),
        ];
        let mut floor = vec![0.0; bins.len()];
        for (colour, count) in layers {
            let tops: Vec<f64> = floor
                .iter()
                .zip(bins)
                .map(|(below, bin)| below + f64::from(count(bin)) * per_second)
                .collect();
            if bins.iter().any(|bin| count(bin) > 0) {
                let path = self.area(&floor, &tops, scale);
                self.put(format_args!(
                    "<path d=\"{path}\" fill=\"var({colour})\" fill-opacity=\"0.85\"/>\n"
                ));
            }
            floor = tops;
        }
        self.name(REQUESTS_BOTTOM - REQUESTS_HEIGHT / 2.0, "Requests/s");
    }

    /// A filled step curve between two heights per bin.
    fn area(&self, floor: &[f64], tops: &[f64], scale: LinearScale) -> String {
        let mut path = String::new();
        for (index, top) in tops.iter().enumerate() {
            let (from, to) = self.bin(index);
            let command = if index == 0 { 'M' } else { 'L' };
            let y = scale.y(*top);
            let _infallible = write!(path, "{command}{from:.1} {y:.1}H{to:.1}");
        }
        for (index, bottom) in floor.iter().enumerate().rev() {
            let (from, to) = self.bin(index);
            let y = scale.y(*bottom);
            let _infallible = write!(path, "L{to:.1} {y:.1}H{from:.1}");
        }
        path + "Z"
    }

    /// Median and tail.
    pub(super) fn latency(&mut self) {
        let bins = &self.run.series.bins;
        let millis = |span: Duration| span.as_secs_f64() * 1000.0;
        let medians: Vec<Option<f64>> = bins.iter().map(|bin| bin.p50.map(millis)).collect();
        let tails: Vec<Option<f64>> = bins.iter().map(|bin| bin.p99.map(millis)).collect();
        let values = || medians.iter().chain(&tails).flatten().copied();
        let (smallest, largest) = (
            values().fold(f64::INFINITY, f64::min),
            values().fold(0.1, f64::max),
        );
        let scale = LogScale::new(
            LATENCY_BOTTOM,
            LATENCY_HEIGHT,
            smallest.min(largest),
            largest,
        );
        for (value, label) in scale.ticks() {
            self.grid(scale.y(value), &label);
        }
        for (values, style, label, below) in [
            (&medians, "stroke-dasharray=\"4 2\"", "p50", 13.0),
            (&tails, "", "p99", -5.0),
        ] {
            let path = self.line(values, scale);
            self.put(format_args!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"var(--ink)\" stroke-width=\"1.5\" {style}/>\n"
            ));
            if let Some(last) = values.iter().rev().flatten().next() {
                self.text(
                    RIGHT - 2.0,
                    scale.y(*last) + below,
                    "text-anchor=\"end\"",
                    label,
                );
            }
        }
        self.name(LATENCY_BOTTOM - LATENCY_HEIGHT / 2.0, "Latency");
    }

    fn line(&self, values: &[Option<f64>], scale: LogScale) -> String {
        let mut path = String::new();
        let mut drawing = false;
        for (index, value) in values.iter().enumerate() {
            let Some(value) = value else {
                drawing = false;
                continue;
            };
            let (from, to) = self.bin(index);
            let command = if drawing { 'L' } else { 'M' };
            let _infallible = write!(
                path,
                "{command}{:.1} {:.1}",
                f64::midpoint(from, to),
                scale.y(*value)
            );
            drawing = true;
        }
        path
    }

    /// Numbers of each bin, shown where a pointer rests.
    pub(super) fn hover(&mut self) {
        let speed = self
            .run
            .observation
            .felt(self.run.series.width)
            .as_secs_f64()
            .max(1e-9);
        let top = REQUESTS_BOTTOM - REQUESTS_HEIGHT;
        let height = LATENCY_BOTTOM - top;
        for (index, bin) in self.run.series.bins.iter().enumerate() {
            let (from, to) = self.bin(index);
            let at = self.time.felt(self.run.series.start_of(index));
            let rate = f64::from(bin.total()) / speed;
            let p99 = bin.p99.map_or(0.0, |span| span.as_secs_f64() * 1000.0);
            self.put(format_args!(
                "<rect x=\"{from:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{height}\" fill=\"transparent\"><title>{at:.2} s: {rate:.0} requests/s, p99 {p99:.1} ms, {} lost</title></rect>\n",
                to - from,
                bin.lost
            ));
        }
    }
}
