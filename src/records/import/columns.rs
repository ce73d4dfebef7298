//! The columns of the two tables, and the forms their values may have. What is wrong with a value is said without showing it.

use jiff::civil::Date;

use crate::facts::{CARD_END, CitizenId, Fen, IdFault, Insurance, Month, PASSWORD_DIGITS, Secret, Weakness};
use crate::records::InsuredKind;

/// Fen that no account and no payment has: 100 million yuan.
const MOST_FEN: i64 = 10_000_000_000;

/// A column: its name here, and those it has elsewhere.
pub(super) struct Column {
    pub(super) name: &'static str,
    also: &'static [&'static str],
    /// Whether a table may do without it.
    pub(super) optional: bool,
}

impl Column {
    /// Whether a heading means it.
    pub(super) fn is_called(&self, heading: &str) -> bool {
        let plain = heading.trim().to_lowercase().replace([' ', '-'], "_");
        plain == self.name || self.also.contains(&plain.as_str())
    }
}

const fn column(name: &'static str, also: &'static [&'static str]) -> Column {
    Column { name, also, optional: false }
}

/// Of the insured.
pub(super) const PEOPLE: [Column; 8] = [
    column("id_number", &["身份证号", "身份证号码", "公民身份号码", "证件号码"]),
    column("number", &["社会保障号码", "社会保障号", "社保号", "社保号码"]),
    column("kind", &["参保类型", "参保身份", "人员类别"]),
    column("pension", &["养老账户余额", "养老个人账户余额", "养老保险个人账户余额"]),
    column("medical", &["医疗账户余额", "医保账户余额", "医疗保险个人账户余额"]),
    Column { optional: true, ..column("card", &["社会保障卡号", "社保卡号", "卡号"]) },
    Column { optional: true, ..column("personal_number", &["个人编号", "个人电脑号", "电脑号"]) },
    Column { optional: true, ..column("initial_password", &["初始密码", "初始查询密码", "查询密码"]) },
];

/// Of the payments.
pub(super) const PAYMENTS: [Column; 6] = [
    column("id_number", &["身份证号", "身份证号码", "公民身份号码", "证件号码"]),
    column("insurance", &["险种", "险种类型", "险种名称"]),
    column("month", &["缴费月份", "缴费年月", "费款所属期", "年月"]),
    column("base", &["缴费基数", "基数"]),
    column("personal", &["个人缴费", "个人缴费金额", "个人缴纳"]),
    column("employer", &["单位缴费", "单位缴费金额", "单位缴纳"]),
];

/// An ID number of 15 or 18 symbols.
pub(super) fn id(text: &str, today: Date) -> Result<CitizenId, &'static str> {
    CitizenId::parse(text, today).map_err(|fault| match fault {
        IdFault::TooShort => "an ID number has 18 symbols, or 15: this one is too short",
        IdFault::TooLong => "an ID number has 18 symbols: this one is too long",
        IdFault::BadArea => "the ID number begins with no province's number",
        IdFault::BadDate => "the ID number's date of birth does not exist, or is to come",
        IdFault::BadCheck => "the ID number's check symbol does not follow from its digits",
        IdFault::BadSymbol => "an ID number has digits alone, but for an X at its end",
    })
}

/// A social security number of 1 to 32 digits.
pub(super) fn number(text: &str) -> Result<Secret<String>, &'static str> {
    let right = (1..=32).contains(&text.len()) && text.bytes().all(|symbol| symbol.is_ascii_digit());
    if right {
        Ok(Secret::new(text.to_owned()))
    } else {
        Err("a social security number has 1 to 32 digits and nothing else")
    }
}

/// A card's number, which may have letters, with the eight digits at least by which its end is known; or none.
pub(super) fn card(text: &str) -> Result<Option<Secret<String>>, &'static str> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let right = text.len() <= 32 && digits >= CARD_END && text.bytes().all(|symbol| symbol.is_ascii_alphanumeric());
    match text {
        "" => Ok(None),
        _ if right => Ok(Some(Secret::new(text.to_owned()))),
        _ => Err("a card's number has digits, 8 at least, and letters: 32 symbols at most"),
    }
}

/// The number under which the agency keeps a person, 1 to 32 digits; or none.
pub(super) fn personal_number(text: &str) -> Result<Option<Secret<String>>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    number(text).map(Some).map_err(|_| "a personal number has 1 to 32 digits and nothing else")
}

/// The query password that a person is given, of six digits that are not easily guessed; or none.
pub(super) fn initial_password(text: &str, id: &CitizenId) -> Result<Option<Secret<String>>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() != PASSWORD_DIGITS || !text.bytes().all(|symbol| symbol.is_ascii_digit()) {
        return Err("an initial password has six digits and nothing else");
    }
    match Weakness::of(text, id) {
        None => Ok(Some(Secret::new(text.to_owned()))),
        Some(Weakness::EqualDigits) => Err("the initial password is easily guessed: its digits are equal"),
        Some(Weakness::Run) => Err("the initial password is easily guessed: its digits follow one another"),
        Some(Weakness::Birthday) => Err("the initial password is easily guessed: it is the person's birthday"),
        Some(Weakness::PartOfId) => Err("the initial password is easily guessed: it stands in the ID number"),
    }
}

/// How a person is insured.
pub(super) fn kind(text: &str) -> Result<InsuredKind, &'static str> {
    match text {
        "employee" | "职工" | "在职" | "在职职工" | "单位职工" => Ok(InsuredKind::Employee),
        "pays-alone" | "灵活就业" | "灵活就业人员" | "个体" => Ok(InsuredKind::PaysAlone),
        "retired" | "退休" | "退休人员" => Ok(InsuredKind::Retired),
        _ => Err("it is none of employee (职工), pays-alone (灵活就业), retired (退休)"),
    }
}

/// Which insurance.
pub(super) fn insurance(text: &str) -> Result<Insurance, &'static str> {
    if let Some(insurance) = Insurance::ALL.into_iter().find(|insurance| insurance.name() == text) {
        return Ok(insurance);
    }
    let chinese = text.strip_suffix("保险").unwrap_or(text);
    let chinese =
        ["城镇职工", "企业职工", "职工"].iter().find_map(|head| chinese.strip_prefix(head)).unwrap_or(chinese);
    match chinese.strip_prefix("基本").unwrap_or(chinese) {
        "养老" => Ok(Insurance::Pension),
        "医疗" => Ok(Insurance::Medical),
        "失业" => Ok(Insurance::Unemployment),
        "工伤" => Ok(Insurance::WorkInjury),
        "生育" => Ok(Insurance::Maternity),
        _ => Err(
            "it is none of pension (养老保险), medical (医疗保险), unemployment (失业保险), work-injury (工伤保险), \
                  maternity (生育保险)",
        ),
    }
}

/// A month: `2026-03`, `202603`, `2026/03`, `2026.03`, `2026年3月`.
pub(super) fn month(text: &str) -> Result<Month, &'static str> {
    let wrong = "a month is written 2026-03, 202603, 2026/03 or 2026年3月";
    let digits =
        |part: &str| part.bytes().all(|symbol| symbol.is_ascii_digit()).then(|| part.parse::<i16>().ok()).flatten();
    let (year, month) = match text.strip_suffix('月') {
        Some(text) => text.split_once('年').filter(|(_, month)| (1..=2).contains(&month.len())),
        None if text.len() == 6 && text.is_ascii() => text.split_at_checked(4),
        None => text.split_once(['-', '/', '.']).filter(|(_, month)| month.len() == 2),
    }
    .filter(|(year, _)| year.len() == 4)
    .and_then(|(year, month)| digits(year).zip(digits(month)))
    .ok_or(wrong)?;
    i8::try_from(month).ok().and_then(|month| Month::new(year, month)).ok_or(wrong)
}

/// Yuan with at most two decimals, as fen: `1234.05`, `1234.5`, `1234`.
pub(super) fn fen(text: &str) -> Result<Fen, &'static str> {
    if text.starts_with('-') {
        return Err("money is not negative here");
    }
    let wrong = "money is written in yuan with at most two decimals, as in 1234.05: no commas, no symbol";
    let (yuan, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|symbol| symbol.is_ascii_digit());
    if yuan.is_empty() || part.len() > 2 || !digits(yuan) || !digits(part) || text.ends_with('.') {
        return Err(wrong);
    }
    let too_much = "it is more than 100 million yuan";
    let yuan: i64 = yuan.parse().map_err(|_| too_much)?;
    let part = part.bytes().chain(*b"00").take(2).fold(0, |fen, digit| fen * 10 + i64::from(digit - b'0'));
    let fen = yuan.checked_mul(100).and_then(|fen| fen.checked_add(part)).filter(|fen| *fen <= MOST_FEN);
    fen.map(Fen).ok_or(too_much)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_without_a_float() {
        for (text, expected) in [
            ("0", 0),
            ("0.00", 0),
            ("1234.05", 123_405),
            ("1234.5", 123_450),
            ("1234", 123_400),
            ("0.29", 29),
            ("1.1", 110),
            ("100000000.00", MOST_FEN),
        ] {
            assert_eq!(fen(text), Ok(Fen(expected)), "{text}");
        }
        for text in [
            "",
            ".",
            ".5",
            "5.",
            "1,234.00",
            "1.234",
            "¥5",
            "5元",
            "1e3",
            " 5",
            "５",
            "+5",
            "100000000.01",
            "-1",
            "9".repeat(30).as_str(),
        ] {
            assert!(fen(text).is_err(), "{text}");
        }
        assert!(fen("-1.00").unwrap_err().contains("negative"));
    }

    #[test]
    fn months_and_insurances_are_known_by_what_agencies_call_them() {
        for text in ["2026-03", "202603", "2026/03", "2026.03", "2026年3月", "2026年03月"] {
            assert_eq!(month(text), Ok(Month::new(2026, 3).unwrap()), "{text}");
        }
        for text in [
            "",
            "2026-3",
            "2026-13",
            "2026-00",
            "20263",
            "26-03",
            "2026年3",
            "2026年月",
            "+026-03",
            "2026-03-01",
            "３月",
        ] {
            assert!(month(text).is_err(), "{text}");
        }
        for (text, expected) in [
            ("pension", Insurance::Pension),
            ("城镇职工基本养老保险", Insurance::Pension),
            ("养老", Insurance::Pension),
            ("基本医疗保险", Insurance::Medical),
            ("失业保险", Insurance::Unemployment),
            ("work-injury", Insurance::WorkInjury),
            ("生育保险", Insurance::Maternity),
        ] {
            assert_eq!(insurance(text), Ok(expected), "{text}");
        }
        assert!(insurance("城乡居民基本养老保险").is_err(), "another scheme");
        assert!(PEOPLE[0].is_called("身份证号") && PEOPLE[0].is_called("ID number") && !PEOPLE[0].is_called("姓名"));
    }

    #[test]
    fn the_documentation_has_every_column_and_its_other_names() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/records-import.md")).unwrap();
        for column in PEOPLE.iter().chain(&PAYMENTS) {
            let row =
                page.lines().filter(|line| line.starts_with(&format!("| `{}` |", column.name))).collect::<String>();
            for name in column.also {
                assert!(row.contains(name), "{}: {name}", column.name);
            }
        }
    }
}
