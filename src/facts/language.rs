//! The languages Hotline can speak numbers in. A language is a folder `prompts/<tag>/` and a grammar in `speech`.

use std::fmt;

/// A spoken language, by its BCP 47 tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// `zh-CN`: Mandarin, simplified characters.
    ZhCn,
    /// `en`: English.
    En,
}

impl Language {
    /// Every language there is a number grammar for.
    pub const ALL: [Language; 2] = [Language::ZhCn, Language::En];

    /// The BCP 47 tag, which is the folder's name too.
    pub const fn tag(self) -> &'static str {
        match self {
            Language::ZhCn => "zh-CN",
            Language::En => "en",
        }
    }

    /// The language of a tag, exactly as [`Language::tag`] writes it.
    pub fn from_tag(tag: &str) -> Option<Language> {
        Language::ALL.into_iter().find(|language| language.tag() == tag)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}
