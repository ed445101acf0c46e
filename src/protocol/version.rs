//! Version numbers: a peer says its release as a position in the list 4.4.0 knows
//! (Java: the ordinals of `MQVersion.Version`).

/// What our servers and tools say they are: V4_4_0.
pub const CURRENT: i32 = V4_4_0;

/// From here on consumers take part in resetting offsets.
pub const V3_0_7_SNAPSHOT: i32 = 28;
/// From here on brokers register with a `RegisterBrokerBody`.
pub const V3_0_11: i32 = 37;
/// From here on consumers tell their running info.
pub const V3_1_8_SNAPSHOT: i32 = 62;
/// From here on a message sent back carries its own limit of deliveries.
pub const V3_4_9: i32 = 121;
/// The release this project stands in for.
pub const V4_4_0: i32 = 293;
/// Everything after the end of the list.
pub const HIGHER_VERSION: i32 = 612;

/// The releases before the regular part of the list.
const FIRST: [&str; 16] = [
    "V3_0_0_SNAPSHOT",
    "V3_0_0_ALPHA1",
    "V3_0_0_BETA1",
    "V3_0_0_BETA2",
    "V3_0_0_BETA3",
    "V3_0_0_BETA4",
    "V3_0_0_BETA5",
    "V3_0_0_BETA6_SNAPSHOT",
    "V3_0_0_BETA6",
    "V3_0_0_BETA7_SNAPSHOT",
    "V3_0_0_BETA7",
    "V3_0_0_BETA8_SNAPSHOT",
    "V3_0_0_BETA8",
    "V3_0_0_BETA9_SNAPSHOT",
    "V3_0_0_BETA9",
    "V3_0_0_FINAL",
];

/// A stretch of the list: `minors` minor releases of `major`, each with `patches` patch releases
/// from `first_patch` on, and each of these as a snapshot and as itself.
struct Stretch {
    major: i32,
    first_minor: i32,
    minors: i32,
    first_patch: i32,
    patches: i32,
}

impl Stretch {
    const fn new(major: i32, first_minor: i32, minors: i32, patch: i32, patches: i32) -> Self {
        Self { major, first_minor, minors, first_patch: patch, patches }
    }

    const fn len(&self) -> i32 {
        self.minors * self.patches * 2
    }

    fn name(&self, index: i32) -> String {
        let release = index / 2;
        let minor = self.first_minor + release / self.patches;
        let patch = self.first_patch + release % self.patches;
        let suffix = if index % 2 == 0 { "_SNAPSHOT" } else { "" };
        format!("V{}_{minor}_{patch}{suffix}", self.major)
    }
}

/// The regular part of the list; 3.3 to 3.9 have no patch release 0.
const STRETCHES: [Stretch; 5] = [
    Stretch::new(3, 0, 1, 1, 15),
    Stretch::new(3, 1, 2, 0, 10),
    Stretch::new(3, 3, 7, 1, 9),
    Stretch::new(4, 0, 10, 0, 10),
    Stretch::new(5, 0, 10, 0, 10),
];

/// The name of a version number, as 4.4.0 shows it. Numbers past the list are
/// `HIGHER_VERSION`, negative ones, which no client sends, the oldest release.
#[must_use]
pub fn name(version: i32) -> String {
    let Ok(index) = usize::try_from(version) else { return FIRST[0].to_owned() };
    if let Some(name) = FIRST.get(index) {
        return (*name).to_owned();
    }
    let mut index = version - FIRST.len() as i32;
    for stretch in &STRETCHES {
        if index < stretch.len() {
            return stretch.name(index);
        }
        index -= stretch.len();
    }
    "HIGHER_VERSION".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_list_of_4_4_0() {
        let list: Vec<&str> = include_str!("tests/golden/versions.txt").lines().collect();
        assert_eq!(list.len(), 613);
        for (version, expected) in (0..).zip(&list) {
            assert_eq!(name(version), *expected, "version {version}");
        }
    }

    #[test]
    fn named_constants_are_where_they_say() {
        assert_eq!(name(V3_0_7_SNAPSHOT), "V3_0_7_SNAPSHOT");
        assert_eq!(name(V3_0_11), "V3_0_11");
        assert_eq!(name(V3_1_8_SNAPSHOT), "V3_1_8_SNAPSHOT");
        assert_eq!(name(V3_4_9), "V3_4_9");
        assert_eq!(name(CURRENT), "V4_4_0");
        assert_eq!(name(HIGHER_VERSION), "HIGHER_VERSION");
        assert_eq!(name(i32::MAX), "HIGHER_VERSION");
        assert_eq!(name(-1), "V3_0_0_SNAPSHOT");
    }
}
