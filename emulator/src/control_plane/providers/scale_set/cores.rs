//! How many cores a machine size has, read from its name.
//!
//! Azure's size list is not carried: in names since the third generation the number is the count of
//! cores (`Standard_D2s_v5`), in older ones it is a step (`Standard_DS3_v2`), here a power of two.

/// The cores of a size; 1 for names that carry no number.
pub(crate) fn cores(size: &str) -> u32 {
    let family = size
        .strip_prefix("Standard_")
        .or_else(|| size.strip_prefix("Basic_"));
    let mut parts = family.unwrap_or(size).split('_');
    let first = parts.next().unwrap_or_default();
    let generation = parts
        .find_map(|part| part.strip_prefix('v')?.parse::<u32>().ok())
        .unwrap_or(1);
    let digits: String = first
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    let number: u32 = digits.parse().unwrap_or(1);
    let is_step = generation < 3 && first.starts_with(['D', 'A']) && number < 11;
    match (is_step, generation) {
        // D1 to D4, DS1 to DS4, and D1_v2 to D5_v2: 1, 2, 4, 8, 16.
        (true, _) if first.starts_with('D') => 1 << number.saturating_sub(1).min(4),
        _ => number.max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_how_many_cores() {
        for (size, expected) in [
            ("Standard_D2s_v5", 2),
            ("Standard_D16ds_v4", 16),
            ("Standard_F4s_v2", 4),
            ("Standard_B2ms", 2),
            ("Standard_E8-4s_v5", 8),
            ("Standard_DS3", 4),
            ("Standard_DS3_v2", 4),
            ("Standard_D1_v2", 1),
            ("Standard_D5_v2", 16),
            ("Standard_A1", 1),
            ("Odd", 1),
        ] {
            assert_eq!(cores(size), expected, "{size}");
        }
    }
}
