//! What a program is told about the instance that it is.

use std::net::Ipv4Addr;

use crate::data_plane::InstanceView;

/// The names of one instance.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// As Azure names it: `{scale set}_{number}`.
    pub(super) instance: String,
    scale_set: String,
    number: u32,
    address: Ipv4Addr,
    image: String,
}

impl Names {
    pub(super) fn of(view: &InstanceView) -> Self {
        Self {
            instance: super::super::instance_name(view),
            scale_set: view.key.scale_set.name().to_owned(),
            number: view.key.number,
            address: view.address,
            image: view.application.build.clone(),
        }
    }

    /// `text` with every name that it asks for.
    pub(super) fn fill_in(&self, text: &str, port: u16) -> String {
        text.replace("{port}", &port.to_string())
            .replace("{instance}", &self.instance)
            .replace("{scale_set}", &self.scale_set)
            .replace("{number}", &self.number.to_string())
            .replace("{address}", &self.address.to_string())
            .replace("{image}", &self.image)
    }

    /// The environment that every program gets.
    pub(super) fn environment(&self, port: u16) -> [(&'static str, String); 5] {
        [
            ("PORT", port.to_string()),
            ("TURQUOISE_INSTANCE", self.instance.clone()),
            ("TURQUOISE_SCALE_SET", self.scale_set.clone()),
            ("TURQUOISE_ADDRESS", self.address.to_string()),
            ("TURQUOISE_IMAGE", self.image.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_filled_in_wherever_it_stands() {
        let names = Names {
            instance: "green-vmss_3".to_owned(),
            scale_set: "green-vmss".to_owned(),
            number: 3,
            address: Ipv4Addr::new(10, 0, 1, 7),
            image: "shop-v2".to_owned(),
        };
        for (text, filled) in [
            ("--port={port}", "--port=8080"),
            ("{port}{port}", "80808080"),
            ("{instance} of {scale_set}", "green-vmss_3 of green-vmss"),
            ("{number} at {address}", "3 at 10.0.1.7"),
            ("{image}", "shop-v2"),
            ("{unknown} ${port", "{unknown} ${port"),
        ] {
            assert_eq!(names.fill_in(text, 8080), filled);
        }
    }
}
