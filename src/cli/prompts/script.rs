//! `hotline prompts script`: what a speaker should read, as a page to print and as a table.
//!
//! ```text
//!   □  1  welcome.wav    您好，欢迎致电一二三三三 …     8 s
//!   □  2  topics-5.wav   社保卡办理，请按五             3 s    was: 社保卡，请按五
//! ```
//!
//! The page is one file that needs no other; the table opens in every spreadsheet.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use quick_xml::escape::escape;

use super::Wrong;
use super::texts::{Menus, Wanted, language};
use crate::facts::{Form, Language};
use crate::speech::about_as_long_as;

#[derive(Debug, Args)]
pub(super) struct Script {
    #[command(flatten)]
    menus: Menus,
    /// Only this language, as in zh-CN
    #[arg(long, value_parser = language)]
    language: Option<Language>,
    /// Every text, whether it is recorded or not
    #[arg(long)]
    all: bool,
    /// The folder to write into
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    output: PathBuf,
}

impl Script {
    pub(super) fn run(&self) -> Result<bool, Wrong> {
        let texts = self.menus.load()?;
        let mut out = io::stdout().lock();
        for language in Language::ALL.into_iter().filter(|language| self.language.is_none_or(|only| only == *language))
        {
            let spoken = || texts.wanted.iter().filter(|text| text.clip.language == language);
            let chosen: Vec<&Wanted> = spoken().filter(|text| self.all || text.recorded.is_none()).collect();
            if chosen.is_empty() {
                if spoken().next().is_some() {
                    writeln!(out, "{language}: every text has a recording; --all writes them all")?;
                }
                continue;
            }
            fs::create_dir_all(&self.output)?;
            for (ending, text) in [("html", page(language, &chosen)), ("csv", table(&chosen))] {
                let file = self.output.join(format!("script-{language}.{ending}"));
                fs::write(&file, text).map_err(|error| Wrong::Failed(format!("{}: {error}", file.display())))?;
                writeln!(out, "{}: {} texts, about {}", file.display(), chosen.len(), minutes(&chosen))?;
            }
        }
        Ok(true)
    }
}

/// How long all of them last, in minutes.
fn minutes(texts: &[&Wanted]) -> String {
    let seconds: f64 = texts.iter().map(|text| seconds(text)).sum();
    format!("{:.0} min", (seconds / 60.0).ceil())
}

fn seconds(text: &Wanted) -> f64 {
    about_as_long_as(text.clip.language, &text.clip.text).as_secs_f64()
}

/// What the page says beside the texts, to speakers of its language.
struct Words {
    title: &'static str,
    how: &'static str,
    columns: [&'static str; 3],
    was: &'static str,
    /// Of texts that a value is said beside.
    values_how: &'static str,
    whole: &'static str,
    pieces: &'static str,
    pieces_how: &'static str,
    inside: &'static str,
    ending: &'static str,
    count: fn(usize, &str) -> String,
}

const fn words(language: Language) -> Words {
    match language {
        Language::ZhCn => Words {
            title: "录音稿",
            how: "每条单独录成一个文件，文件名如表中所写，保存为 WAV 或 FLAC，采样率 16 kHz 以上，单声道。\
                  前后各留约半秒安静；语速平稳，音量一致，与话筒距离不变。",
            columns: ["文件", "请读", "约"],
            was: "原为",
            values_how: "“…”处由系统接读数目或日期，不必读出：前面有“…”的，接着读；后面有“…”的，语调平，不收尾。",
            whole: "语句",
            pieces: "数字片段",
            pieces_how: "这些片段会拼接成数目。“句中”后面还有内容：语调平，不收尾；“句末”是结尾：语调自然下降。",
            inside: "句中",
            ending: "句末",
            count: |count, minutes| format!("{count} 条，约 {}", minutes.replace("min", "分钟")),
        },
        Language::En => Words {
            title: "Texts to be read",
            how: "One file for each text, named as written here: WAV or FLAC, 16 kHz or more, one channel. Leave half a \
                  second of silence before and after. Keep your pace, your loudness and your distance to the microphone.",
            columns: ["File", "Read", "about"],
            was: "was",
            values_how: "At … the system says a number or a date: do not read it. After a … go on as in the middle of a \
                         sentence; before one the voice stays up.",
            whole: "Sentences",
            pieces: "Pieces of numbers",
            pieces_how: "These are put together to numbers. Of a piece marked “inside” more follows: the voice stays up. One \
                         marked “ending” ends: the voice falls.",
            inside: "inside",
            ending: "ending",
            count: |count, minutes| format!("{count} texts, about {minutes}"),
        },
    }
}

const STYLE: &str = "
@page { size: A4; margin: 16mm 14mm 18mm; @bottom-center { content: counter(page) ' / ' counter(pages); font-size: 9pt } }
body { font: 11pt/1.5 'Noto Sans', 'Noto Sans CJK SC', 'Source Han Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif;
  color: #111; max-width: 182mm; margin: 0 auto }
h1 { font-size: 18pt; margin: 0 0 2mm } h2 { font-size: 13pt; margin: 7mm 0 2mm; break-after: avoid }
p { margin: 0 0 3mm } table { width: 100%; border-collapse: collapse } thead { display: table-header-group }
tr { break-inside: avoid } th { text-align: left; font-size: 9pt; font-weight: 600; border-bottom: 1.5px solid #111 } th:last-child { text-align: right }
td { vertical-align: top; padding: 2mm 2mm 2mm 0; border-bottom: 1px solid #bbb }
td.box { width: 6mm } td.number { width: 9mm; color: #666 } td.file { width: 44mm; font: 9pt/1.6 monospace;
  overflow-wrap: anywhere } td.text { font-size: 13pt } td.long { width: 14mm; text-align: right; color: #666;
  white-space: nowrap } small { display: block; font-size: 9pt; color: #666 } i.box { display: inline-block;
  width: 4mm; height: 4mm; border: 1px solid #111; vertical-align: middle }
";

fn page(language: Language, texts: &[&Wanted]) -> String {
    let words = words(language);
    let (title, how, count) = (words.title, words.how, (words.count)(texts.len(), &minutes(texts)));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{count}</p>\n<p>{how}</p>\n"
    );
    let (pieces, whole): (Vec<_>, Vec<_>) =
        texts.iter().zip(1_usize..).partition(|(text, _)| text.clip.file.is_empty());
    let beside_values = whole.iter().any(|(text, _)| text.clip.after_value || text.clip.before_value);
    let values_how = if beside_values { words.values_how } else { "" };
    for (title, how, texts) in [(words.whole, values_how, whole), (words.pieces, words.pieces_how, pieces)] {
        if texts.is_empty() {
            continue;
        }
        let how = if how.is_empty() { String::new() } else { format!("<p>{how}</p>\n") };
        let [file, read, about] = words.columns;
        let _ = write!(
            page,
            "<h2>{title}</h2>\n{how}<table>\n<thead><tr><th></th><th></th><th>{file}</th><th>{read}</th><th>{about}</th>\
             </tr></thead>\n<tbody>\n"
        );
        texts.iter().for_each(|(text, number)| row(&mut page, &words, text, *number));
        page.push_str("</tbody>\n</table>\n");
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn row(page: &mut String, words: &Words, text: &Wanted, number: usize) {
    let form = match text.clip.form {
        Form::Plain => String::new(),
        Form::Inside => format!("<small>{}</small>", words.inside),
        Form::Ending => format!("<small>{}</small>", words.ending),
    };
    let was = text.was.as_ref().map(|was| format!("<small>{}: {}</small>", words.was, escape(&**was)));
    let _ = writeln!(
        page,
        "<tr><td class=\"box\"><i class=\"box\"></i></td><td class=\"number\">{number}</td><td class=\"file\">{}</td>\
         <td class=\"text\">{}{form}{}</td><td class=\"long\">{:.0} s</td></tr>",
        escape(text.file()),
        escape(text.in_place()),
        was.unwrap_or_default(),
        seconds(text).ceil()
    );
}

/// The table: RFC 4180, with the mark by which spreadsheets know UTF-8.
fn table(texts: &[&Wanted]) -> String {
    let mut table = "\u{feff}file,text,read,form,seconds,message,state,was\r\n".to_owned();
    for text in texts {
        let state = match (&text.recorded, &text.was) {
            (Some(_), _) => "recorded",
            (None, Some(_)) => "changed",
            (None, None) => "missing",
        };
        let was = text.was.as_deref().unwrap_or_default();
        let seconds = format!("{:.1}", seconds(text));
        let (file, form) = (text.file(), text.clip.form.name());
        let read = text.in_place();
        let cells = [&*file, &*text.clip.text, &*read, form, &*seconds, &*text.clip.message, state, was];
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        table.push_str(&cells.join(","));
        table.push_str("\r\n");
    }
    table
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}
