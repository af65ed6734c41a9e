//! What an autoscale setting's document looks like (azure-facts.md §4.14): counts are texts.

use crate::control_plane::schema::{
    Literal, Member, Schema, Shape, any, choice, flag, list, member, object, open_choice, text,
};

/// The document.
pub(crate) const SCHEMA: Schema = Schema {
    envelope: &[],
    properties: &[
        list("profiles", &Shape::Object(PROFILE)).required(),
        list("notifications", &Shape::Any).or(Literal::EmptyList),
        any("predictiveAutoscalePolicy"),
        flag("enabled", true),
        text("name"),
        text("targetResourceUri"),
        text("targetResourceLocation"),
    ],
};

const PROFILE: &[Member] = &[
    text("name").required(),
    object(
        "capacity",
        &[
            text("minimum").required(),
            text("maximum").required(),
            text("default").required(),
        ],
    )
    .required(),
    list("rules", &Shape::Object(RULE)).or(Literal::EmptyList),
    any("fixedDate"),
    any("recurrence"),
];

const RULE: &[Member] = &[
    object("metricTrigger", TRIGGER).required(),
    object("scaleAction", ACTION).required(),
];

const TRIGGER: &[Member] = &[
    text("metricName").required(),
    text("metricNamespace"),
    text("metricResourceUri").required(),
    text("metricResourceLocation"),
    text("timeGrain").required(),
    choice("statistic", &["Average", "Min", "Max", "Sum", "Count"]).required(),
    text("timeWindow").required(),
    choice(
        "timeAggregation",
        &["Average", "Minimum", "Maximum", "Total", "Count", "Last"],
    )
    .required(),
    choice(
        "operator",
        &[
            "Equals",
            "NotEquals",
            "GreaterThan",
            "GreaterThanOrEqual",
            "LessThan",
            "LessThanOrEqual",
        ],
    )
    .required(),
    member("threshold", Shape::Number).required(),
    list("dimensions", &Shape::Any),
    flag("dividePerInstance", false),
];

const ACTION: &[Member] = &[
    choice("direction", &["None", "Increase", "Decrease"]).required(),
    open_choice(
        "type",
        &[
            "ChangeCount",
            "PercentChangeCount",
            "ExactCount",
            "ServiceAllowedNextValue",
        ],
    )
    .required(),
    text("value").or(Literal::Text("1")),
    text("cooldown").required(),
];
