//! Which texts menus say, in which file each is recorded, and what is recorded of them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::Wrong;
use crate::audio::{Recording, read_list};
use crate::cli::check::prompts_folder;
use crate::facts::{Form, Language};
use crate::menu::{Menu, WantedClip, wanted_clips};
use crate::speech::{Catalogue, Function, vocabulary_of};

/// The menus that are looked after.
#[derive(Debug, Args)]
pub(super) struct Menus {
    /// Every menu script that uses the prompts, or its folder
    #[arg(required = true)]
    menus: Vec<PathBuf>,
    /// The folder of the prompts; otherwise the folder `prompts` beside a script or above it
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
}

/// All that menus say, and their folders of prompts.
#[derive(Default)]
pub(super) struct Texts {
    pub(super) folders: Vec<PathBuf>,
    pub(super) wanted: Vec<Wanted>,
    /// Each text in its language and form, said by a menu or a piece of a number.
    said: HashSet<(Language, Arc<str>, Form)>,
    /// Each text that a message has, whatever menu says it: by the folder's place.
    written: HashSet<(usize, Language, Arc<str>)>,
}

/// A text that a menu says.
pub(super) struct Wanted {
    pub(super) clip: WantedClip,
    /// Where its recording is, or is to be.
    pub(super) path: PathBuf,
    /// Its recording, of this form or of another.
    pub(super) recorded: Option<Recording>,
    /// What its file says so far, where that is another text.
    pub(super) was: Option<Arc<str>>,
}

impl Menus {
    pub(super) fn load(&self) -> Result<Texts, Wrong> {
        load(&self.menus, self.prompts.as_deref())
    }
}

/// What these menus say.
pub(super) fn load(menus: &[PathBuf], prompts: Option<&Path>) -> Result<Texts, Wrong> {
    let mut texts = Texts::default();
    let (mut clips, mut met): (Vec<(usize, WantedClip)>, HashSet<_>) = Default::default();
    for path in menus {
        let (menu, catalogue, folder) = texts_and_recordings(path, prompts)?;
        let same = |known: &PathBuf| *known == folder || known.canonicalize().ok() == folder.canonicalize().ok();
        let place = texts.folders.iter().position(same).unwrap_or(texts.folders.len());
        if place == texts.folders.len() {
            texts.folders.push(folder);
            texts.written.extend(written(&catalogue).map(|(language, text)| (place, language, text)));
        }
        for clip in wanted_clips(&menu, &catalogue) {
            let text = (clip.language, Arc::clone(&clip.text), clip.form);
            texts.said.insert(text.clone());
            if met.insert((place, text)) {
                clips.push((place, clip));
            }
        }
    }
    for language in Language::ALL {
        // Of numbers every piece may be said, whichever a menu says today.
        let pieces = Function::ALL.into_iter().flat_map(|function| vocabulary_of(language, function));
        texts.said.extend(pieces.map(|(text, form)| (language, text, form)));
    }
    for (place, folder) in texts.folders.clone().iter().enumerate() {
        for language in Language::ALL {
            let list = list_of(folder, language)?;
            let own = clips.iter().filter(|(of, clip)| *of == place && clip.language == language);
            texts.add(place, &folder.join(language.tag()), language, own.map(|(_, clip)| clip), &list);
        }
    }
    Ok(texts)
}

impl Texts {
    /// Gives each text its file: the one it has; else one of its name that no other text needs, be it of a menu that is not
    /// looked after now, and where no unlisted file is. A line put between others takes a number that the line after it had:
    /// that one's recording stays where it is.
    fn add<'a>(
        &mut self,
        place: usize,
        folder: &Path,
        language: Language,
        clips: impl Iterator<Item = &'a WantedClip>,
        list: &[Recording],
    ) {
        let in_a_message = |recording: &Recording| {
            recording.form == Form::Plain && self.written.contains(&(place, language, Arc::clone(&recording.text)))
        };
        let needed = list.iter().filter(|recording| self.says(language, recording) || in_a_message(recording));
        let unlisted = |path: &Path| path.exists() && !list.iter().any(|recording| recording.path == path);
        let mut taken: HashSet<PathBuf> = needed.map(|recording| recording.path.clone()).collect();
        for clip in clips {
            let same_text = || list.iter().filter(|recording| recording.text == clip.text);
            let exact = same_text().find(|recording| recording.form == clip.form);
            let path = exact.map_or_else(
                || {
                    let name = own_file(clip);
                    let mut names = std::iter::once(folder.join(&name)).chain((2..).map(|number| {
                        let stem = name.trim_end_matches(".wav");
                        folder.join(format!("{stem}-{number}.wav"))
                    }));
                    names.find(|path| !taken.contains(path) && !unlisted(path)).unwrap_or_default()
                },
                |recording| recording.path.clone(),
            );
            taken.insert(path.clone());
            let recorded = exact.or_else(|| same_text().next()).filter(|recording| recording.path.is_file()).cloned();
            let was = list.iter().find(|recording| recording.path == path && recording.text != clip.text);
            let was = was.map(|recording| Arc::clone(&recording.text));
            self.wanted.push(Wanted { clip: clip.clone(), path, recorded, was });
        }
    }

    /// Whether a menu says what was recorded.
    pub(super) fn says(&self, language: Language, recording: &Recording) -> bool {
        self.said.contains(&(language, Arc::clone(&recording.text), recording.form))
    }

    /// The folder of a language's prompts: of the first menu, where they have several.
    pub(super) fn folder_of(&self, language: Language) -> Result<PathBuf, Wrong> {
        let folder = self.folders.first().ok_or_else(|| Wrong::Use("name a menu".into()))?;
        Ok(folder.join(language.tag()))
    }
}

impl Wanted {
    /// Its text as it stands in its message, for who reads it aloud: `您的余额为 …` where a value follows in the same sentence.
    pub(super) fn in_place(&self) -> String {
        let (before, after) = (self.clip.after_value, self.clip.before_value);
        format!("{}{}{}", if before { "… " } else { "" }, self.clip.text, if after { " …" } else { "" })
    }

    /// Its file's name, without the folder.
    pub(super) fn file(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Its file in the language's folder.
    pub(super) fn place(&self) -> String {
        let inside = |folder: &Path| Some(self.path.strip_prefix(folder).ok()?.display().to_string());
        let folders = self.path.ancestors().filter(|folder| folder.ends_with(self.clip.language.tag()));
        folders.last().and_then(inside).unwrap_or_else(|| self.file())
    }
}

/// The fixed texts of every message in a folder of prompts.
fn written(catalogue: &Catalogue) -> impl Iterator<Item = (Language, Arc<str>)> + '_ {
    catalogue.languages().flat_map(move |language| {
        let ids = catalogue.messages(language).into_iter().flat_map(move |id| {
            let attributes = catalogue.attributes(language, id).into_iter().map(move |name| format!("{id}.{name}"));
            std::iter::once(id.to_owned()).chain(attributes)
        });
        let texts = ids.flat_map(move |id| catalogue.fixed_texts(language, &id).unwrap_or_default());
        texts.map(move |fixed| (language, fixed.text))
    })
}

/// The file that a text has where nothing stands in its way.
pub(super) fn own_file(clip: &WantedClip) -> String {
    if clip.file.is_empty() { piece_file(&clip.text, clip.form) } else { clip.file.clone() }
}

/// The file of a piece of a number: `numbers/two-hundred-inside.wav`.
pub(super) fn piece_file(text: &str, form: Form) -> String {
    let mut name: String = text.chars().map(|symbol| if symbol.is_alphanumeric() { symbol } else { '-' }).collect();
    if form != Form::Plain {
        name = format!("{name}-{}", form.name());
    }
    format!("numbers/{name}.wav")
}

/// The list of a language's recordings.
pub(super) fn list_of(prompts: &Path, language: Language) -> Result<Vec<Recording>, Wrong> {
    let folder = prompts.join(language.tag());
    read_list(&folder).map_err(|faults| Wrong::faults_of(&folder, faults))
}

/// A menu, its texts, and the folder of its prompts: the one that is named, or else the nearest.
pub(super) fn texts_and_recordings(menu: &Path, named: Option<&Path>) -> Result<(Menu, Catalogue, PathBuf), Wrong> {
    let script = if menu.is_dir() { menu.join("menu.toml") } else { menu.to_owned() };
    let menu = crate::cli::load_menu(&script)?.menu;
    let folder = named.map(Path::to_owned).or_else(|| prompts_folder(&script)).ok_or_else(|| {
        Wrong::Use(format!(
            "there is no folder `prompts` beside {} or above it: name one with --prompts",
            script.display()
        ))
    })?;
    let catalogue = Catalogue::from_dir(&folder).map_err(Wrong::Faults)?;
    Ok((menu, catalogue, folder))
}

/// A language's tag on the command line.
pub(super) fn language(tag: &str) -> Result<Language, String> {
    let known = Language::ALL.map(Language::tag).join(", ");
    Language::from_tag(tag).ok_or_else(|| format!("languages are {known}"))
}
