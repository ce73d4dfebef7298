//! A text can be recorded in more than one way of saying it.

/// Which recording of a text: a digit sounds different inside a group and at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The only form of most texts.
    #[default]
    Plain,
    /// A digit that others follow.
    Inside,
    /// A digit that ends its group.
    Ending,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 3] = [Form::Plain, Form::Inside, Form::Ending];

    /// The name `recordings.toml` uses: `plain`, `inside`, `ending`.
    pub const fn name(self) -> &'static str {
        match self {
            Form::Plain => "plain",
            Form::Inside => "inside",
            Form::Ending => "ending",
        }
    }
}
