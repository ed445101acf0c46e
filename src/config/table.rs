//! Tables of keys and the loops over them.

use crate::Properties;

/// One key of the table `T`.
#[derive(Debug)]
pub struct Key<T: 'static> {
    /// The Java name, as files and `-p` have it.
    pub name: &'static str,
    /// The Java name of the value's type.
    pub ty: &'static str,
    /// The lines of its doc comment.
    pub doc: &'static [&'static str],
    /// Whether `mqbroker -m` prints it.
    pub important: bool,
    /// Further marks.
    pub marks: Marks,
    /// The value as text.
    pub get: fn(&T) -> String,
    /// Sets the value from text; false when the text does not fit the type.
    pub set: fn(&mut T, &str) -> bool,
}

/// What a line of a table says about its key with `@important`, `@nullable`, `@restart`, `@ours`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// Printed by `mqbroker -m`.
    pub important: bool,
    /// An empty text stands for Java's null: left out where 4.4.0 leaves null out.
    pub nullable: bool,
    /// Read once at start: a change at run time takes effect with the next start.
    pub restart: bool,
    /// Not a key of 4.4.0: while it is empty it is left out everywhere, so that lists of settings
    /// are those of 4.4.0 for whoever does not use it.
    pub ours: bool,
}

impl Marks {
    /// No mark.
    pub const NONE: Self = Self { important: false, nullable: false, restart: false, ours: false };
}

/// One key of any table together with its present value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The Java name.
    pub name: &'static str,
    /// The Java name of the value's type.
    pub ty: &'static str,
    /// The lines of its doc comment.
    pub doc: &'static [&'static str],
    /// Its marks.
    pub marks: Marks,
    /// The value as text; empty for null.
    pub value: String,
}

impl Row {
    /// Whether the value is Java's null.
    pub fn is_null(&self) -> bool {
        (self.marks.nullable || self.marks.ours) && self.value.is_empty()
    }

    /// Whether it is a key of ours that nobody uses.
    fn is_unused(&self) -> bool {
        self.marks.ours && self.value.is_empty()
    }
}

/// What became of one key that was to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assigned {
    /// The value was set.
    Done,
    /// The text does not fit the type; the old value stays.
    Refused,
    /// The table has no such key.
    Unknown,
}

/// A set of settings declared with [`config_table!`](crate::config_table).
pub trait Table {
    /// The doc comment of the table.
    fn about(&self) -> &'static [&'static str];

    /// All keys with their present values, in the order of the declaration.
    fn rows(&self) -> Vec<Row>;

    /// Sets one key from text.
    fn assign(&mut self, name: &str, value: &str) -> Assigned;

    /// One value as text.
    fn value(&self, name: &str) -> Option<String>;
}

/// What became of a list of properties that was applied to tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Keys that were set.
    pub applied: Vec<String>,
    /// Keys whose text does not fit their type: key, text.
    pub refused: Vec<(String, String)>,
    /// Keys that no table has.
    pub unknown: Vec<String>,
}

impl Report {
    /// Notes what became of one key.
    pub fn note(&mut self, assigned: Assigned, name: &str, value: &str) {
        match assigned {
            Assigned::Done => self.applied.push(name.to_owned()),
            Assigned::Refused => self.refused.push((name.to_owned(), value.to_owned())),
            Assigned::Unknown => self.unknown.push(name.to_owned()),
        }
    }
}

/// Sets every property in every table that has its key. As in Java nothing fails: what does not
/// fit stays as it was, and the report says so.
pub fn apply(tables: &mut [&mut dyn Table], properties: &Properties) -> Report {
    let mut report = Report::default();
    for (name, value) in properties.iter() {
        let mut outcome = Assigned::Unknown;
        for table in tables.iter_mut() {
            match table.assign(name, value) {
                Assigned::Unknown => {}
                known => outcome = known,
            }
        }
        report.note(outcome, name, value);
    }
    report
}

/// `key=value` of every key, or of the important ones, as `-p` and `-m` print them.
pub fn lines(tables: &[&dyn Table], important_only: bool) -> Vec<String> {
    tables
        .iter()
        .flat_map(|table| table.rows())
        .filter(|row| (row.marks.important || !important_only) && !row.is_unused())
        .map(|row| format!("{}={}", row.name, row.value))
        .collect()
}

/// Declares a table of settings.
///
/// ```
/// config::config_table! {
///     /// Settings of a lamp; `env` is the `Env` the defaults may use.
///     pub struct LampConfig(env) {
///         /// Its name.
///         @important "lampName" lamp_name: String = env.host_name().to_owned(),
///         /// Watts.
///         "maxWatts" max_watts: i32 = 40,
///     }
/// }
/// let mut lamp = LampConfig::default();
/// assert!((LampConfig::KEYS[1].set)(&mut lamp, "60"));
/// assert_eq!(lamp.max_watts, 60);
/// ```
#[macro_export]
macro_rules! config_table {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident($env:ident) {
            $(
                $(#[doc = $doc:literal])*
                $(@$mark:ident)* $key:literal $field:ident : $ty:ty = $default:expr
            ),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $( $(#[doc = $doc])* pub $field: $ty, )* }

        impl $name {
            /// All keys, in the order in which `-p` prints them.
            pub const KEYS: &'static [$crate::Key<Self>] = &[ $( {
                const MARKS: $crate::Marks = {
                    #[allow(unused_mut, reason = "a line may have no mark")]
                    let mut marks = $crate::Marks::NONE;
                    $( marks.$mark = true; )*
                    marks
                };
                $crate::Key {
                    name: $key,
                    ty: <$ty as $crate::JavaValue>::TYPE,
                    doc: &[$($doc),*],
                    important: MARKS.important,
                    marks: MARKS,
                    get: |table| $crate::JavaValue::show(&table.$field),
                    set: |table, text| match <$ty as $crate::JavaValue>::parse(text) {
                        Some(value) => { table.$field = value; true }
                        None => false,
                    },
                }
            }, )* ];

            /// The defaults in the given environment.
            pub fn from_env($env: &$crate::Env) -> Self {
                let _ = $env;
                Self { $( $field: $default, )* }
            }
        }

        impl Default for $name {
            /// The defaults in the environment of this process.
            fn default() -> Self {
                Self::from_env($crate::Env::current())
            }
        }

        impl $crate::Table for $name {
            fn about(&self) -> &'static [&'static str] {
                &[$($about),*]
            }

            fn rows(&self) -> Vec<$crate::Row> {
                Self::KEYS
                    .iter()
                    .map(|key| $crate::Row {
                        name: key.name,
                        ty: key.ty,
                        doc: key.doc,
                        marks: key.marks,
                        value: (key.get)(self),
                    })
                    .collect()
            }

            fn assign(&mut self, name: &str, value: &str) -> $crate::Assigned {
                match Self::KEYS.iter().find(|key| key.name == name) {
                    None => $crate::Assigned::Unknown,
                    Some(key) if (key.set)(self, value) => $crate::Assigned::Done,
                    Some(_) => $crate::Assigned::Refused,
                }
            }

            fn value(&self, name: &str) -> Option<String> {
                Self::KEYS.iter().find(|key| key.name == name).map(|key| (key.get)(self))
            }
        }
    };
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macros declare public items")]
mod tests {
    use super::*;
    use crate::Env;

    config_table! {
        /// First.
        pub struct One(env) {
            /// Where.
            @restart @nullable "rocketmqHome" rocketmq_home: String =
                env.var("HOME_OF_TEST").unwrap_or_default().to_owned(),
            /// How many.
            /// More words.
            @important "queueNums" queue_nums: i32 = 8,
        }
    }

    config_table! {
        /// Second.
        pub struct Two(env) {
            /// On or off.
            @important "useTLS" use_tls: bool = false,
            /// Also in the first.
            "queueNums" queue_nums: i32 = 4,
            /// Unknown to 4.4.0.
            @important @ours "lampColour" lamp_colour: String = String::new(),
        }
    }

    #[test]
    fn defaults_come_from_the_environment() {
        let env = Env::empty().with_var("HOME_OF_TEST", "/x");
        assert_eq!(One::from_env(&env).rocketmq_home, "/x");
        assert!(One::from_env(&Env::empty()).rows()[0].is_null());
    }

    #[test]
    fn keys_carry_their_line() {
        let key = &One::KEYS[1];
        assert_eq!((key.name, key.ty, key.important), ("queueNums", "int", true));
        assert_eq!(key.doc, [" How many.", " More words."]);
        assert_eq!(One::KEYS[0].marks, Marks { restart: true, nullable: true, ..Marks::NONE });
    }

    #[test]
    fn properties_reach_every_table_that_has_the_key() {
        let (mut one, mut two) = (One::from_env(&Env::empty()), Two::from_env(&Env::empty()));
        let file =
            Properties::parse(b"queueNums=5\nuseTLS=TRUE\nrocketmqHome=\nother=1\n").unwrap();
        let report = apply(&mut [&mut one, &mut two], &file);
        assert_eq!((one.queue_nums, two.queue_nums, two.use_tls), (5, 5, true));
        assert_eq!(report.unknown, ["other"]);
        let bad = Properties::parse(b"queueNums = 5x").unwrap();
        let report = apply(&mut [&mut one], &bad);
        assert_eq!(report.refused, [("queueNums".to_owned(), "5x".to_owned())]);
        assert_eq!(one.queue_nums, 5);
    }

    #[test]
    fn printed_lines_keep_the_order() {
        let (one, two) = (One::from_env(&Env::empty()), Two::from_env(&Env::empty()));
        let all = ["rocketmqHome=", "queueNums=8", "useTLS=false", "queueNums=4"];
        assert_eq!(lines(&[&one, &two], false), all);
        assert_eq!(lines(&[&one, &two], true), ["queueNums=8", "useTLS=false"]);
        let two = Two { lamp_colour: "red".to_owned(), ..two };
        assert_eq!(lines(&[&two], true), ["useTLS=false", "lampColour=red"]);
    }
}
