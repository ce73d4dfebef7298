//! What is said to a service of records and what it answers, as JSON: the types, their checks, and the OpenAPI document that
//! is made of them.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::facts::{
    Balances, Fen, Insurance, InsuranceSummary, Month, Payment, Payments, PersonRef, Reply, Summary, Weakness,
};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Why an answer of right form cannot be. Quotes no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Senseless(pub(super) &'static str);

impl fmt::Display for Senseless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A month of a year, as in 2026-03.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MonthText(pub(super) Month);

impl<'de> Deserialize<'de> for MonthText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<MonthText, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(MonthText).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for MonthText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Month".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$", "examples": ["2026-09"] })
    }
}

/// What somebody has keyed about themselves, and whence. All that is there must be one person's. Wiped once it is sent.
#[derive(Serialize, JsonSchema, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Verification {
    /// An ID number of right form: 18 symbols, the last a digit or X.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// Digits of the card's number: all of them, or the last eight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) card: Option<String>,
    /// The number under which the agency keeps the person: digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) personal_number: Option<String>,
    /// A social security number: 1 to 32 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) number: Option<String>,
    /// A query password: digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<String>,
    /// Who calls, where the telephone network said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) caller: Option<String>,
    /// The name of the trunk that brought the call, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trunk: Option<String>,
}

/// A query password that is to hold from now on.
#[derive(Serialize, JsonSchema, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "kebab-case")]
pub(super) struct NewPassword {
    /// Six digits.
    pub(super) password: String,
}

/// Whether a password was taken.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(super) enum PasswordAnswer {
    /// It holds.
    Set {},
    /// It is too easy to guess.
    Weak {
        /// Why.
        why: Why,
    },
}

/// Why a password is too easy to guess.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Why {
    /// All digits are equal.
    EqualDigits,
    /// The digits go up or down one by one.
    Run,
    /// It is the person's birthday.
    Birthday,
    /// It stands in the ID number.
    PartOfId,
}

impl PasswordAnswer {
    pub(super) fn reply(self) -> Reply {
        match self {
            PasswordAnswer::Set {} => Reply::PasswordSet,
            PasswordAnswer::Weak { why } => Reply::PasswordWeak(match why {
                Why::EqualDigits => Weakness::EqualDigits,
                Why::Run => Weakness::Run,
                Why::Birthday => Weakness::Birthday,
                Why::PartOfId => Weakness::PartOfId,
            }),
        }
    }
}

/// What a person says is wrong with their record. Said again in the same call it is no second case.
#[derive(Serialize, JsonSchema, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "kebab-case")]
pub(super) struct NewDispute {
    /// As in an answer: pension, medical, unemployment, work-injury, maternity.
    #[zeroize(skip)]
    pub(super) insurance: &'static str,
    /// As in 2026-03.
    pub(super) month: String,
    /// Whose error it is: agency, employer.
    #[zeroize(skip)]
    pub(super) blame: &'static str,
    /// Where the person may be called: at most 32 characters.
    pub(super) callback: String,
    /// The call in which it is said: 32 hexadecimal digits.
    pub(super) call: String,
}

/// What became of a case.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(super) enum DisputeAnswer {
    /// It is kept.
    Opened {
        /// Under this number, which is read to the caller: eight digits or more, the last of which is Luhn's of the others.
        #[schemars(regex(pattern = "^[0-9]{8,19}$"))]
        number: String,
    },
    /// This person has opened as many today as one may.
    TooMany {},
}

impl DisputeAnswer {
    pub(super) fn reply(self) -> Result<Reply, Senseless> {
        match self {
            DisputeAnswer::Opened { number } => {
                let number = number.parse().map_err(|_| Senseless("a case's number with a wrong check digit"))?;
                Ok(Reply::CaseOpened(number))
            }
            DisputeAnswer::TooMany {} => Ok(Reply::TooManyCases),
        }
    }
}

/// What a verification comes to. Whether an ID is unknown or a number wrong is not told apart.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(super) enum Verified {
    /// All of it is this person's.
    Matched {
        /// The service's own reference to the person, for the questions that follow in this call.
        person: i64,
    },
    /// So it is, but the query password is still the one they were given, and must be changed first.
    InitialPassword {
        /// As of one that is matched.
        person: i64,
    },
    /// It is not.
    Unmatched {},
    /// There were too many failures of this ID or from this caller, this one perhaps the last of them.
    Locked {
        /// Minutes until the next try, rounded up.
        #[schemars(range(min = 1, max = 525_600))]
        minutes: u32,
    },
}

impl Verified {
    pub(super) fn reply(self) -> Result<Reply, Senseless> {
        match self {
            Verified::Matched { person } => Ok(Reply::Matched(PersonRef(person))),
            Verified::InitialPassword { person } => Ok(Reply::InitialPassword(PersonRef(person))),
            Verified::Unmatched {} => Ok(Reply::Unmatched),
            Verified::Locked { minutes: minutes @ 1..=525_600 } => Ok(Reply::Locked { minutes }),
            Verified::Locked { .. } => Err(Senseless("a lock of no minutes, or of more than a year")),
        }
    }
}

/// How the records stand.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Standing {
    /// The month that they are true as of.
    #[allow(dead_code, reason = "that it is there and a month is what is looked for")]
    pub(super) as_of: MonthText,
}

/// The balances of both accounts, in fen.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) struct BalancesAnswer {
    /// The month that this is true as of.
    as_of: MonthText,
    /// Pension account, in fen.
    pension: i64,
    /// Medical account, in fen.
    medical: i64,
}

impl BalancesAnswer {
    pub(super) fn balances(self) -> Balances {
        Balances { pension: Fen(self.pension), medical: Fen(self.medical), as_of: self.as_of.0 }
    }
}

/// Months paid, by insurance.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) struct SummaryAnswer {
    /// The month that this is true as of.
    as_of: MonthText,
    /// One an insurance at most; one that is not there was never paid.
    #[schemars(length(max = 5))]
    insurances: Vec<Paid>,
}

/// How long an insurance was paid.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct Paid {
    insurance: Insurance,
    /// Months with a payment.
    #[schemars(range(max = 1200))]
    months_paid: u32,
    /// First month paid for; there unless none was.
    first: Option<MonthText>,
    /// Last month paid for; there unless none was.
    last: Option<MonthText>,
}

impl Paid {
    fn summary(self) -> Result<InsuranceSummary, Senseless> {
        let (first, last) = (self.first.map(|month| month.0), self.last.map(|month| month.0));
        let agrees = match (self.months_paid, first, last) {
            (0, None, None) => true,
            (1..=1200, Some(first), Some(last)) => {
                let span = i64::from(last.months_since(first)) + 1;
                span >= i64::from(self.months_paid)
            }
            _ => false,
        };
        let summary = InsuranceSummary { insurance: self.insurance, months_paid: self.months_paid, first, last };
        if agrees { Ok(summary) } else { Err(Senseless("months paid that first and last do not agree with")) }
    }
}

impl SummaryAnswer {
    pub(super) fn summary(self) -> Result<Summary, Senseless> {
        let mut insurances = Vec::with_capacity(Insurance::ALL.len());
        for insurance in Insurance::ALL {
            let mut of_it = self.insurances.iter().filter(|paid| paid.insurance == insurance);
            insurances.push(match (of_it.next(), of_it.next()) {
                (None, _) => InsuranceSummary { insurance, months_paid: 0, first: None, last: None },
                (Some(paid), None) => paid.summary()?,
                (Some(_), Some(_)) => return Err(Senseless("an insurance twice")),
            });
        }
        Ok(Summary { insurances, as_of: self.as_of.0 })
    }
}

/// The payments into one insurance.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) struct PaymentsAnswer {
    /// The month that this is true as of.
    as_of: MonthText,
    /// The first month ever paid for in this insurance, if there is one: months before it are no gaps.
    first_ever: Option<MonthText>,
    /// The payments of the months asked for, by month, none twice.
    #[schemars(length(max = 600))]
    paid: Vec<Paying>,
}

/// One month's payment; amounts in fen.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct Paying {
    month: MonthText,
    /// Contribution base, in fen.
    base: i64,
    /// The person's share, in fen.
    personal: i64,
    /// The employer's share, in fen.
    employer: i64,
}

impl PaymentsAnswer {
    pub(super) fn payments(self, insurance: Insurance, from: Month, to: Month) -> Result<Payments, Senseless> {
        let ordered = self.paid.is_sorted_by(|one, next| one.month < next.month);
        let within = self.paid.iter().all(|paid| (from..=to).contains(&paid.month.0));
        if !ordered || !within {
            return Err(Senseless("payments out of order, twice for a month, or of months that were not asked for"));
        }
        let paid = self.paid.iter().map(|paid| Payment {
            month: paid.month.0,
            base: Fen(paid.base),
            personal: Fen(paid.personal),
            employer: Fen(paid.employer),
        });
        let (first_ever, as_of) = (self.first_ever.map(|month| month.0), self.as_of.0);
        Ok(Payments { insurance, from, to, paid: paid.collect(), first_ever, as_of })
    }
}

/// The OpenAPI document of such a service, `docs/records.openapi.json`: its schemas are those of the types that are sent and
/// read.
pub fn openapi() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let settings = settings.with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut schemas = settings.into_generator();
    let month = schemas.subschema_for::<MonthText>();
    let insurance = schemas.subschema_for::<Insurance>();
    let person = serde_json::json!({ "name": "person", "in": "path", "required": true,
        "description": "As a verification has told it.", "schema": { "type": "integer", "format": "int64" } });
    let key = serde_json::json!({ "name": "Idempotency-Key", "in": "header", "required": true,
        "description": "Random, of this question alone.",
        "schema": { "type": "string", "pattern": "^[0-9a-f]{32}$" } });
    let asked = |name: &str, schema: &Schema| serde_json::json!({ "name": name, "in": "query", "required": true, "schema": schema });
    let paths = serde_json::json!({
        "/v1/records": { "get": {
            "operationId": "standing",
            "summary": "How the records stand. Asked by `hotline check`.",
            "responses": answers("How they stand", &schemas.subschema_for::<Standing>(), None)
        } },
        "/v1/verifications": { "post": {
            "operationId": "verify",
            "summary": "Is all that was keyed one person's?",
            "description": "The service counts failures by ID and by caller and locks them out, for all that ask it. \
                An unknown ID is answered as a wrong number is, and in the same time. A request that comes again with the key of \
                an earlier one is answered as that was, and not counted again; keys are kept for a minute at least.",
            "parameters": [key],
            "requestBody": { "required": true, "content": { "application/json": {
                "schema": schemas.subschema_for::<Verification>() } } },
            "responses": answers("What it comes to", &schemas.subschema_for::<Verified>(), None)
        } },
        "/v1/people/{person}/password": { "post": {
            "operationId": "setPassword",
            "summary": "Sets the query password of a person who has been verified.",
            "parameters": [person, key],
            "requestBody": { "required": true, "content": { "application/json": {
                "schema": schemas.subschema_for::<NewPassword>() } } },
            "responses": answers("Whether it holds", &schemas.subschema_for::<PasswordAnswer>(), Some(NOBODY))
        } },
        "/v1/people/{person}/disputes": { "post": {
            "operationId": "dispute",
            "summary": "Keeps a case: the person says that the record is wrong.",
            "parameters": [person, key],
            "requestBody": { "required": true, "content": { "application/json": {
                "schema": schemas.subschema_for::<NewDispute>() } } },
            "responses": answers("What became of it", &schemas.subschema_for::<DisputeAnswer>(), Some(NOBODY))
        } },
        "/v1/people/{person}/balances": { "get": {
            "operationId": "balances",
            "summary": "Both accounts' balances.",
            "parameters": [person],
            "responses": answers("The balances", &schemas.subschema_for::<BalancesAnswer>(), Some(NOBODY))
        } },
        "/v1/people/{person}/summary": { "get": {
            "operationId": "summary",
            "summary": "Months paid, by insurance.",
            "parameters": [person],
            "responses": answers("The months", &schemas.subschema_for::<SummaryAnswer>(), Some(NOBODY))
        } },
        "/v1/people/{person}/payments": { "get": {
            "operationId": "payments",
            "summary": "Payments into one insurance, both months included; at most 600 months are asked for.",
            "parameters": [person, asked("insurance", &insurance), asked("from", &month), asked("to", &month)],
            "responses": answers("The payments", &schemas.subschema_for::<PaymentsAnswer>(), Some(NOBODY))
        } }
    });
    serde_json::json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Records of a hotline",
            "version": "1.0.0",
            "description": "What a service must answer so that callers of Hotline hear its records. Amounts are integers, in fen. \
                No personal number stands in a URL. Fields that are not described here are ignored."
        },
        "security": [{ "certificate": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "certificate": { "type": "mutualTLS" } },
            "schemas": schemas.take_definitions(true)
        }
    })
}

const NOBODY: &str = "There is no such person, or no longer.";

fn answers(what: &str, schema: &Schema, nobody: Option<&str>) -> serde_json::Value {
    let mut answers = serde_json::Map::new();
    let content = serde_json::json!({ "application/json": { "schema": schema } });
    answers.insert("200".to_owned(), serde_json::json!({ "description": what, "content": content }));
    if let Some(nobody) = nobody {
        answers.insert("404".to_owned(), serde_json::json!({ "description": nobody }));
    }
    let other = "The service cannot answer: the caller is told that the records are not to be had.";
    answers.insert("default".to_owned(), serde_json::json!({ "description": other }));
    serde_json::Value::Object(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Texts that are nearly answers.
    fn near() -> impl Strategy<Value = String> {
        let number = prop_oneof![any::<i64>().prop_map(|n| n.to_string()), Just("1e999".into()), Just("null".into())];
        let month = prop_oneof!["[0-9]{4}-[0-9]{2}", Just("9999-12".to_owned()), ".{0,8}"];
        let word = proptest::sample::select(vec!["pension", "work-injury", "matched", "locked", "x"]);
        (number.clone(), number, month.clone(), month, word).prop_map(|(one, other, month, later, word)| {
            let (month, later) = (serde_json::Value::from(month), serde_json::Value::from(later));
            format!(
                "{{\"as-of\": {month}, \"pension\": {one}, \"medical\": {other}, \"result\": \"{word}\", \
                 \"minutes\": {one}, \"person\": {other}, \"first-ever\": {later}, \
                 \"insurances\": [{{\"insurance\": \"{word}\", \"months-paid\": {one}, \"first\": {month}, \"last\": {later}}}], \
                 \"paid\": [{{\"month\": {month}, \"base\": {one}, \"personal\": {other}, \"employer\": {one}}}]}}"
            )
        })
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reading_fail(text in prop_oneof![near(), ".{0,200}"]) {
            let (from, to) = (Month::new(0, 1).unwrap(), Month::new(9999, 12).unwrap());
            let _ = serde_json::from_str::<Verified>(&text).map(Verified::reply);
            let _ = serde_json::from_str::<BalancesAnswer>(&text).map(BalancesAnswer::balances);
            let _ = serde_json::from_str::<SummaryAnswer>(&text).map(SummaryAnswer::summary);
            let read = serde_json::from_str::<PaymentsAnswer>(&text);
            let _ = read.map(|answer| answer.payments(Insurance::Pension, from, to));
        }
    }
}
