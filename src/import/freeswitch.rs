//! FreeSWITCH's XML menus (mod_dptools' `ivr`): `<menu name greet-long …><entry action digits param/></menu>`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use super::draft::{Asking, Body, Draft, Goal, Key, address, plain, short, sound, within_bounds};

/// So many menus are read of a file.
const MOST_MENUS: usize = 200;
/// So many entries of a menu.
const MOST_ENTRIES: usize = 200;

/// The attributes of a menu that say how its sounds are played or synthesized, which the prompts decide here.
const NO_MATTER: [&str; 8] = [
    "name",
    "tts-engine",
    "tts-voice",
    "confirm-attempts",
    "inter-digit-timeout",
    "digit-len",
    "max-timeouts",
    "timeout",
];

type Attributes = BTreeMap<String, String>;

/// An element, with its place.
struct Element {
    span: Range<usize>,
    attributes: Attributes,
}

impl Element {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

struct Menu {
    element: Element,
    entries: Vec<Element>,
    /// The step it becomes.
    step: String,
    /// The step in which leaving it ends.
    exit: String,
}

/// Reads the menus of a text.
///
/// # Errors
/// There is none, or none of the name `start`: what is wrong, and how to mend it.
pub(super) fn read(text: &str, start: Option<&str>) -> Result<Draft, (String, String)> {
    let mut draft = Draft::default();
    let menus = elements(text, &mut draft);
    let names: BTreeMap<String, usize> = menus
        .iter()
        .enumerate()
        .rev()
        .filter_map(|(place, menu)| Some((menu.element.get("name")?.to_owned(), place)))
        .collect();
    let called: BTreeSet<&str> = menus
        .iter()
        .flat_map(|menu| menu.entries.iter().filter(|entry| entry.get("action") == Some("menu-sub")))
        .filter_map(|entry| entry.get("param"))
        .collect();
    let top = match start {
        Some(start) => menus.iter().find(|menu| menu.element.get("name") == Some(start)),
        None => menus
            .iter()
            .find(|menu| menu.element.get("name").is_some_and(|name| !called.contains(name)))
            .or(menus.iter().find(|menu| menu.element.get("name").is_some())),
    };
    let Some(top) = top else {
        let known: Vec<String> = names.keys().take(20).map(|name| short(name)).collect();
        return Err(match start {
            Some(start) if !menus.is_empty() => {
                (format!("there is no menu `{}`", short(start)), format!("there are: {}", known.join(", ")))
            }
            _ => (
                "there is no menu in this file".to_owned(),
                "a menu of FreeSWITCH is <menu name=\"…\"><entry action=\"…\" digits=\"…\"/></menu>".to_owned(),
            ),
        });
    };
    draft.name.clone_from(&top.step);
    draft.start.clone_from(&top.step);
    let reading = Reading { menus: &menus, names: &names, top: &top.step };
    for (place, menu) in menus.iter().enumerate() {
        if menu.element.get("name").and_then(|name| names.get(name)) != Some(&place) {
            let what = "a menu without a name of its own";
            draft.leave(menu.element.span.clone(), what, "nothing can lead to it; the first of a name is taken");
            continue;
        }
        reading.menu(menu, &mut draft);
    }
    Ok(draft)
}

/// The menus and their entries, as far as the text is XML.
fn elements(text: &str, draft: &mut Draft) -> Vec<Menu> {
    let mut reader = Reader::from_str(text);
    let mut menus: Vec<Menu> = Vec::new();
    let mut within = false;
    let mut before = 0;
    loop {
        let event = reader.read_event();
        let after = usize::try_from(reader.buffer_position()).unwrap_or(text.len()).min(text.len());
        let span = before..after;
        before = after;
        match event {
            Ok(Event::Eof) => break,
            Err(error) => {
                let at = usize::try_from(reader.error_position()).unwrap_or(text.len());
                draft.leave(
                    at..at + 1,
                    format!("the rest of the file is not XML: {error}"),
                    "mend it and import again",
                );
                break;
            }
            Ok(Event::Start(tag)) if tag.name().as_ref() == b"menu" => {
                within = begin(&tag, span, &mut menus, draft);
            }
            Ok(Event::Empty(tag)) if tag.name().as_ref() == b"menu" => {
                begin(&tag, span, &mut menus, draft);
                within = false;
            }
            Ok(Event::End(tag)) if tag.name().as_ref() == b"menu" => within = false,
            Ok(Event::Start(tag) | Event::Empty(tag)) if within => {
                let menu = menus.last_mut().filter(|menu| menu.entries.len() < MOST_ENTRIES);
                match menu {
                    Some(menu) if tag.name().as_ref() == b"entry" => {
                        menu.entries.push(Element { attributes: attributes(&tag), span });
                    }
                    Some(_) => draft.leave(span, "an element that is no <entry>", "a menu has entries alone"),
                    None => draft.leave(span, "one entry too many", format!("{MOST_ENTRIES} of a menu are read")),
                }
            }
            Ok(_) => {}
        }
    }
    menus
}

/// Whether the menu's entries are to be read.
fn begin(tag: &BytesStart<'_>, span: Range<usize>, menus: &mut Vec<Menu>, draft: &mut Draft) -> bool {
    if menus.len() >= MOST_MENUS {
        draft.leave(span, "one menu too many", format!("{MOST_MENUS} of a file are read"));
        return false;
    }
    let element = Element { attributes: attributes(tag), span };
    let name = element.get("name").unwrap_or("menu").to_owned();
    let (step, exit) = (draft.name(&name), draft.name(&format!("{name}-exit")));
    menus.push(Menu { element, entries: Vec::new(), step, exit });
    true
}

fn attributes(tag: &BytesStart<'_>) -> Attributes {
    let mut all = tag.attributes();
    all.with_checks(false);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let value = |raw: String| unescape(&raw).map(|value| value.into_owned()).unwrap_or(raw);
    all.take(50).flatten().map(|one| (text(one.key.as_ref()), value(text(&one.value)))).collect()
}

struct Reading<'m> {
    menus: &'m [Menu],
    names: &'m BTreeMap<String, usize>,
    top: &'m str,
}

impl Reading<'_> {
    fn menu(&self, menu: &Menu, draft: &mut Draft) {
        let (element, span) = (&menu.element, menu.element.span.clone());
        let greeting: Vec<String> =
            element.get("greet-long").or(element.get("greet-short")).map(sound).into_iter().collect();
        let mut choices = BTreeMap::new();
        for entry in &menu.entries {
            if let Some((key, goal)) = self.entry(menu, entry, &choices, draft) {
                choices.insert(key, goal);
            }
        }
        let message = draft.message(&menu.step, &greeting);
        if let Some(invalid) = element.get("invalid-sound") {
            draft.attribute(&message, "no-match", sound(invalid));
            draft.attribute(&message, "no-match-2", sound(invalid));
        }
        self.told(element, draft);
        let then = Goal::Step(menu.exit.clone());
        let body = if choices.is_empty() {
            draft.leave(
                span.clone(),
                format!("the choices of `{}`", menu.step),
                "none is left: it is said, and then left",
            );
            draft.messages.entry(message.clone()).or_default().attributes.clear();
            Body::Say { message, skippable: true, then }
        } else {
            Body::Menu { message, choices, asking: asking(menu, draft) }
        };
        draft.add(&menu.step, span.clone(), body);
        let last = element.get("exit-sound").map(|exit| draft.message(&menu.exit, &[sound(exit)]));
        draft.add(&menu.exit, span, Body::HangUp { message: last });
    }

    /// Tells what the menu says of itself that is not carried.
    fn told(&self, element: &Element, draft: &mut Draft) {
        let span = || element.span.clone();
        if let (Some(long), Some(short_one)) = (element.get("greet-long"), element.get("greet-short"))
            && long != short_one
        {
            let why = "a question is said again as it was: let greet-long itself be short";
            draft.leave(span(), format!("greet-short=\"{}\"", short(short_one)), why);
        }
        let sounds = ["greet-long", "greet-short", "invalid-sound", "exit-sound", "max-failures"];
        for (name, value) in &element.attributes {
            let known = NO_MATTER.contains(&name.as_str()) || sounds.contains(&name.as_str());
            if !known && !value.is_empty() {
                let what = format!("{}=\"{}\"", short(name), short(value));
                draft.leave(span(), what, "a menu of Hotline has nothing like it");
            }
        }
    }

    fn entry(
        &self,
        menu: &Menu,
        entry: &Element,
        choices: &BTreeMap<Key, Goal>,
        draft: &mut Draft,
    ) -> Option<(Key, Goal)> {
        let digits = entry.get("digits").unwrap_or("");
        let (action, param) = (entry.get("action").unwrap_or(""), entry.get("param").unwrap_or(""));
        let what = format!("the entry {} for {action} {}", short(digits), short(param));
        let leave = |draft: &mut Draft, why: String| {
            draft.leave(entry.span.clone(), what.trim_end(), why);
            None
        };
        let Some(key) = Key::of(digits) else {
            let why = if digits.starts_with('/') {
                "a choice is one key; for a number of several digits write an `ask` step"
            } else {
                "a choice is one key of the telephone: 0 to 9, *, #, A to D"
            };
            return leave(draft, why.to_owned());
        };
        if choices.contains_key(&key) {
            return leave(draft, "the key has a meaning in this menu already; the first is taken".to_owned());
        }
        let goal = match action {
            "menu-sub" => self.sub(param),
            "menu-top" => Some(Goal::Step(self.top.to_owned())),
            "menu-back" => Some(Goal::Back),
            "menu-exit" => Some(Goal::Step(menu.exit.clone())),
            "menu-play-sound" => Some(self.said(menu, entry, param, draft)),
            "menu-exec-app" => self.application(menu, entry, param, draft),
            _ => return leave(draft, format!("`{}` is no action that can be carried", short(action))),
        };
        match goal {
            Some(goal) => Some((key, goal)),
            None if action == "menu-sub" => leave(draft, "there is no menu of that name in this file".to_owned()),
            None => leave(
                draft,
                "the application is the other system's; for a person's telephone write a `transfer` step with its SIP \
                 address"
                    .to_owned(),
            ),
        }
    }

    fn sub(&self, name: &str) -> Option<Goal> {
        let menu = self.names.get(name).and_then(|place| self.menus.get(*place))?;
        Some(Goal::Step(menu.step.clone()))
    }

    /// A step that plays a sound and goes back to the menu.
    fn said(&self, menu: &Menu, entry: &Element, name: &str, draft: &mut Draft) -> Goal {
        let step = draft.name(&format!("{}-{}", menu.step, name.rsplit('/').next().unwrap_or("sound")));
        let message = draft.message(&step, &[sound(name)]);
        let then = Goal::Step(menu.step.clone());
        draft.add(&step, entry.span.clone(), Body::Say { message, skippable: true, then });
        Goal::Step(step)
    }

    /// What of the applications of a dialplan a menu can do itself.
    fn application(&self, menu: &Menu, entry: &Element, param: &str, draft: &mut Draft) -> Option<Goal> {
        let (application, rest) = param.split_once(char::is_whitespace).unwrap_or((param, ""));
        match application {
            "playback" => Some(self.said(menu, entry, rest, draft)),
            "ivr" => self.sub(rest.trim()),
            "hangup" => {
                let step = draft.name(&format!("{}-hang-up", menu.step));
                draft.add(&step, entry.span.clone(), Body::HangUp { message: None });
                Some(Goal::Step(step))
            }
            "bridge" => {
                let to = address(rest)?;
                let step = draft.name(&format!("{}-transfer", menu.step));
                let message = draft.message(
                    &step,
                    &[plain(&format!("Dialling {}", to.trim_start_matches("sip:").replace('@', " at ")))],
                );
                let refused = menu.step.clone();
                draft.add(&step, entry.span.clone(), Body::Transfer { message, to, refused });
                Some(Goal::Step(step))
            }
            _ => None,
        }
    }
}

/// The rules of a menu.
fn asking(menu: &Menu, draft: &mut Draft) -> Asking {
    let element = &menu.element;
    let mut number = |name: &str, good: &dyn Fn(u64) -> Option<u64>, bounds: &str| {
        let written = element.get(name)?;
        let number = written.parse().ok().and_then(good);
        if number.is_none() {
            draft.leave(
                element.span.clone(),
                format!("{name}=\"{}\"", short(written)),
                format!("Hotline takes {bounds}"),
            );
        }
        number
    };
    let first_key = number("timeout", &within_bounds, "from 100 ms to 60 minutes");
    let between_keys = number("inter-digit-timeout", &within_bounds, "from 100 ms to 60 minutes");
    let tries = |number: u64| (1..=9).contains(&number).then_some(number);
    let failures = number("max-failures", &tries, "from 1 to 9 tries");
    let timeouts = number("max-timeouts", &tries, "from 1 to 9 tries");
    let tries = |number: Option<u64>| number.and_then(|number| u8::try_from(number).ok());
    Asking {
        first_key,
        between_keys,
        tries: tries(failures.max(timeouts)),
        no_input_tries: tries(timeouts.or(failures)),
        no_match_tries: tries(failures),
        gave_up: menu.exit.clone(),
    }
}
