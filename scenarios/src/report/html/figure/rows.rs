//! One row for each view of the pool, and one for the losses.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use turquoise_emulator::Instant;

use super::super::escape;
use super::{Figure, LEFT, ROW, ROWS_TOP};
use crate::observation::Role;

/// From when on a view had which members.
type Step = (Instant, Vec<Ipv4Addr>);

impl Figure<'_> {
    /// What ARM said and what each gateway instance did, one row each.
    pub(super) fn pools(&mut self) {
        let rows = self.run.timeline.gateway_instances().map(|instance| {
            let steps = self.run.timeline.effective_steps(instance).to_vec();
            (format!("Gateway {instance}"), steps)
        });
        let arm = (
            "Pool in ARM".to_owned(),
            self.run.timeline.arm_steps().to_vec(),
        );
        let rows: Vec<(String, Vec<Step>)> = [arm].into_iter().chain(rows).collect();
        for (index, (name, steps)) in rows.iter().enumerate() {
            let top = self.row(index);
            self.name(top + 14.0, name);
            for (step, (at, members)) in steps.iter().enumerate() {
                let until = steps
                    .get(step + 1)
                    .map_or_else(|| self.run.series.end(), |next| next.0);
                self.pool(top, *at, until, members);
            }
        }
    }

    fn pool(&mut self, top: f64, from: Instant, until: Instant, members: &[Ipv4Addr]) {
        let (x, width) = self.between(from, until);
        if width < 0.05 {
            return;
        }
        let (name, colour) = (self.pool_name(members), self.pool_colour(members));
        let at = self.time.felt(from);
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"18\" rx=\"2\" fill=\"var({colour})\" stroke=\"var(--card)\"><title>{name} from {at:.2} s</title></rect>\n",
            top + 1.0
        ));
        self.fit(
            x,
            width,
            top + 14.0,
            "text-anchor=\"middle\" class=\"inside\"",
            &name,
        );
    }

    /// A mark wherever something was lost.
    pub(super) fn losses(&mut self) {
        let rows = 1 + self.run.timeline.gateway_instances().count();
        let top = self.row(rows);
        self.name(top + 14.0, "Lost");
        if self.run.verdict.requests.lost() == 0 {
            self.text(LEFT + 4.0, top + 14.0, "", "none");
        }
        for (index, bin) in self
            .run
            .series
            .bins
            .iter()
            .enumerate()
            .filter(|(_, bin)| bin.lost > 0)
        {
            let (from, to) = self.bin(index);
            let x = f64::midpoint(from, to);
            let at = self.time.felt(self.run.series.start_of(index));
            self.put(format_args!(
                "<path d=\"M{:.1} {:.1}h8l-4 -12Z\" fill=\"var(--bad)\"><title>{} lost at {at:.2} s</title></path>\n",
                x - 4.0,
                top + 16.0,
                bin.lost
            ));
        }
    }

    fn roles(&self, members: &[Ipv4Addr]) -> BTreeSet<Option<Role>> {
        members
            .iter()
            .map(|member| self.run.observation.declared.role_of(*member))
            .collect()
    }

    /// The sides in a pool, by name.
    pub(super) fn pool_name(&self, members: &[Ipv4Addr]) -> String {
        let declared = &self.run.observation.declared;
        let names: Vec<String> = self
            .roles(members)
            .into_iter()
            .map(|role| {
                role.map_or_else(
                    || "other".to_owned(),
                    |role| escape(&declared.side(role).name),
                )
            })
            .collect();
        if names.is_empty() {
            "empty".to_owned()
        } else {
            names.join(" + ")
        }
    }

    fn pool_colour(&self, members: &[Ipv4Addr]) -> &'static str {
        let roles: Vec<Option<Role>> = self.roles(members).into_iter().collect();
        match roles[..] {
            [] => "--bad",
            [Some(Role::Old)] => "--old",
            [Some(Role::New)] => "--new",
            [Some(Role::Old), Some(Role::New)] => "--mixed",
            _ => "--other",
        }
    }

    fn row(&self, index: usize) -> f64 {
        ROWS_TOP + ROW * f64::from(u32::try_from(index).unwrap_or(u32::MAX))
    }
}
