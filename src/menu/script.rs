//! The voice-menu language as types. The operator's reference page, the JSON Schema and the hints of `hotline check` are
//! made from the doc comments of this file, so they speak to operators.
//!
//! ```text
//!   [hotline]                  Hotline
//!   [defaults]                 Rules + Fallback: keys that a step lacks are taken from here
//!   [limits]                   Limits: what `hotline check` proves
//!   [any-name]                 one step; its first key says its kind
//!   menu = "main-menu"           -> Menu + Choices + Rules
//!   1 = "topics"
//! ```

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::{
    At, Goal, HotlineName, KeyName, LanguageTag, LastWords, MessageName, PersonRoute, SlotName, StepName, Time,
    TransferAddress, Whole,
};
use crate::facts::{Insurance, Key};

/// The hotline itself: its name, where calls begin, what it speaks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Hotline {
    /// The hotline's name, as in `"12333"`: at most 64 characters.
    pub(super) name: HotlineName,
    /// The step that calls begin with.
    pub(super) start: At<StepName>,
    /// The languages it speaks, as in `["zh-CN", "en"]`. Calls begin in the first; every message must exist in each.
    pub(super) languages: At<Vec<At<LanguageTag>>>,
    /// Whether callers have heard the notice of what becomes of what they tell before they come here, as from the exchange in
    /// front. Else a step with `notice = true` must say it.
    #[serde(default)]
    pub(super) notice_said_before: bool,
    /// How long a call may last. Then the caller hears `common.call-limit` and the call ends.
    #[serde(default = "call_limit")]
    pub(super) call_limit: Time,
    /// How long the records may take to answer. Then the caller is led to `unavailable`.
    #[serde(default = "look_up_deadline")]
    pub(super) look_up_deadline: Time,
    /// After so long without an answer of the records the caller hears `common.one-moment`.
    #[serde(default = "look_up_patience")]
    pub(super) look_up_patience: At<Time>,
}

/// The rules of a question: how long it waits, how often it asks, where it leads when there is no answer. Names of
/// VoiceXML 2.0 in brackets. In `[defaults]` they hold for every question; a question may have its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Rules {
    /// How long the caller may be silent after the question has been said (`timeout`).
    #[serde(default = "first_key")]
    pub(super) first_key: Time,
    /// How long the caller may be silent between two keys (`interdigittimeout`).
    #[serde(default = "between_keys")]
    pub(super) between_keys: Time,
    /// How long a `#` is waited for after the last possible key (`termtimeout`).
    #[serde(default = "after_last")]
    pub(super) after_last: Time,
    /// So many failures, silences and wrong entries together, give up.
    #[serde(default = "three")]
    pub(super) tries: Whole<1, 9>,
    /// So many silences give up (`noinput`).
    #[serde(default = "three")]
    pub(super) no_input_tries: Whole<1, 9>,
    /// So many wrong entries give up (`nomatch`).
    #[serde(default = "three")]
    pub(super) no_match_tries: Whole<1, 9>,
    /// The step that giving up leads to; the person if it is not written.
    pub(super) gave_up: Option<At<StepName>>,
    /// The step that `0` leads to from every question that gives `0` no meaning of its own. `false` in a question that
    /// the person step itself asks.
    pub(super) person: Option<At<PersonRoute>>,
    /// Whether a key cuts the question short.
    #[serde(default = "yes")]
    pub(super) barge_in: bool,
    /// Whether keys pressed before the question are taken as its answer.
    #[serde(default = "yes")]
    pub(super) type_ahead: bool,
}

/// What else `[defaults]` may say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Fallback {
    /// The step that callers are led to when the records do not answer; the person if it is not written.
    pub(super) unavailable: Option<At<StepName>>,
}

/// What `hotline check` proves of the hotline: how long its callers may be kept, and how long a text may be. A text's
/// length is that of its recordings, and is estimated where there is none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Limits {
    /// How long it takes at most to come to a person, from anywhere in a call, for a caller who hears each text to its
    /// end and then presses the right key, while the records do their worst.
    #[serde(default = "person_within")]
    pub(super) person_within: Time,
    /// How long a call lasts at most after its caller has fallen silent, wherever that is.
    #[serde(default = "over_within")]
    pub(super) silent_within: Time,
    /// How long a call lasts at most after its caller has begun to press wrong keys alone, or nothing.
    #[serde(default = "over_within")]
    pub(super) wrong_within: Time,
    /// How long the message of a `menu` step may be, in one language.
    #[serde(default = "menu_prompt")]
    pub(super) menu_prompt: Time,
    /// How long the message of an `ask` step may be.
    #[serde(default = "ask_prompt")]
    pub(super) ask_prompt: Time,
    /// How long the message of a `say`, `transfer` or `hang-up` step may be.
    #[serde(default = "message")]
    pub(super) message: Time,
    /// How long it may take to say what was wrong: the attributes of questions and of `common`.
    #[serde(default = "correction")]
    pub(super) correction: Time,
    /// How long the heading or one item of a `read-back` step may be, or one insurance of a summary.
    #[serde(default = "item")]
    pub(super) item: Time,
}

/// Says a message, then goes on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Say {
    /// The message.
    pub(super) say: At<MessageName>,
    /// The records that the message speaks of: `"nothing"`, `"balances"` (both accounts) or `"summary"` (the message,
    /// then its attribute `.insurance` once for each insurance).
    #[serde(default)]
    pub(super) about: Records,
    /// Whether a key cuts the message short. `false` for what the law wants heard: keys pressed in it are kept.
    #[serde(default = "yes")]
    pub(super) skippable: bool,
    /// Whether this is the notice of what becomes of what the caller tells (Personal Information Protection Law, articles 17
    /// and 35). It must be said to its end before anything is keyed that a `verify` step compares.
    #[serde(default = "unmarked")]
    pub(super) notice: At<bool>,
    /// Where it goes on.
    pub(super) then: At<Goal>,
    /// Where it leads when the records do not answer or nobody is verified; as `[defaults]` says if it is not written.
    pub(super) unavailable: Option<At<StepName>>,
}

/// The records that a message speaks of.
#[derive(Clone, Copy, Debug, Default, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum Records {
    #[default]
    Nothing,
    Balances,
    Summary,
}

/// Says a message and waits for one key. The keys are written as they stand on the telephone: `1 = "topics"`,
/// `"*" = "@repeat"`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Menu {
    /// The message, which says what each key does.
    pub(super) menu: At<MessageName>,
    /// Languages to say the message in as well, after the call's own: for the question which language to speak.
    #[serde(default)]
    pub(super) also_in: Vec<At<LanguageTag>>,
}

/// Asks for digits and keeps them for the rest of the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Ask {
    /// The message. Its attributes say what was wrong with an entry.
    pub(super) ask: At<MessageName>,
    /// What is keyed: `"citizen-id"` (15 digits, or 18 with `*` for X), `"year"` (four digits, 1949 to this year),
    /// `"month"` (six digits, as in 202603, January 1949 to this month), `"yes-no"` (1 or 2), `"insurance"` (1 pension,
    /// 2 medical, 3 unemployment, 4 work injury, 5 maternity), `"whose-error"` (1 the agency's error, 2 the employer has not
    /// paid), `"password"` (a query password: six digits), `{ password-again = "…" }` (the same as in that slot), or so many
    /// digits: `{ digits = { min = 8, max = 12 } }`, at most 32.
    pub(super) field: At<Field>,
    /// The slot to keep the answer in, a name of your choice. Every field but `"yes-no"` and `password-again` needs one.
    pub(super) store: Option<At<SlotName>>,
    /// Where a good answer leads; for `"yes-no"`, where 1 leads.
    pub(super) then: At<Goal>,
    /// For `"yes-no"`, where 2 leads. Other fields have none.
    pub(super) otherwise: Option<At<Goal>>,
}

/// What is keyed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum Field {
    CitizenId,
    Year,
    Month,
    YesNo,
    Insurance,
    WhoseError,
    Password,
    PasswordAgain(At<SlotName>),
    Digits(DigitCount),
}

/// How many digits.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct DigitCount {
    /// At least so many digits.
    pub(super) min: Whole<1, 32>,
    /// At most so many digits.
    pub(super) max: Whole<1, 32>,
}

/// Asks the records whether all that was keyed is one person's. Failures are counted for the ID, for the caller's telephone,
/// and for the trunk.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Verify {
    /// What is compared, each with the slot that it was keyed into: this is the hotline's policy of who is believed. At
    /// least two, and among them one that says who it is: `id`, `card` or `personal-number`.
    pub(super) verify: Facts,
    /// Where it leads when all of it is one person's.
    pub(super) matched: At<StepName>,
    /// Where it leads when it is not, or when there is no such person.
    pub(super) unmatched: At<StepName>,
    /// Where it leads after too many failures. If that is a `say` step, its message may name `$minutes`, how long the
    /// lock still holds.
    pub(super) locked: At<StepName>,
    /// Where it leads when the `password` is right, but is still the one that the person was given. Until it is changed, by
    /// a `set-password` step, the person is not verified. Must be there where a `password` is compared.
    pub(super) initial: Option<At<StepName>>,
    /// Where it leads when the records do not answer; as `[defaults]` says if it is not written.
    pub(super) unavailable: Option<At<StepName>>,
}

/// The slots that are compared.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct Facts {
    /// The slot of the ID number, stored by a `"citizen-id"` field.
    pub(super) id: Option<At<SlotName>>,
    /// The slot of the social security card's number without its letters, or its last eight digits; stored by a `digits`
    /// field of at least eight.
    pub(super) card: Option<At<SlotName>>,
    /// The slot of the number under which the agency keeps the person, stored by a `digits` field.
    pub(super) personal_number: Option<At<SlotName>>,
    /// The slot of the social security number, stored by a `digits` field.
    pub(super) number: Option<At<SlotName>>,
    /// The slot of the query password, stored by a `"password"` field.
    pub(super) password: Option<At<SlotName>>,
}

/// Makes what was keyed the person's query password: of the person who has been verified in this call, or whose password is
/// still the one they were given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SetPassword {
    /// The slot of the new password, stored by a `"password"` field.
    pub(super) set_password: At<SlotName>,
    /// Where it leads when the password is changed. The person is verified from here on.
    pub(super) changed: At<StepName>,
    /// Where it leads when the password is too easy to guess. If that is a `say` step, its message may choose by `$reason`:
    /// `equal-digits`, `run`, `birthday`, `part-of-id`.
    pub(super) weak: At<StepName>,
    /// Where it leads when the records do not answer or nobody is verified; as `[defaults]` says if it is not written.
    pub(super) unavailable: Option<At<StepName>>,
}

/// Keeps a case: the person who has been verified says that a record is wrong. Said again in the same call, as after a lost
/// answer, it is no second case; one person may open three cases a day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Dispute {
    /// The message that says the case is kept. It must tell its number, `$case`, digit by digit.
    pub(super) dispute: At<MessageName>,
    /// The slots that say what is wrong, and where the person may be called.
    pub(super) about: DisputeSlots,
    /// Where it goes on.
    pub(super) then: At<Goal>,
    /// Where it leads when the person has opened three cases within 24 hours.
    pub(super) too_many: At<StepName>,
    /// Where it leads when no `callback` was asked for and the caller's number is withheld: to a question for one. Must be
    /// there where `about` names no `callback`.
    pub(super) no_number: Option<At<StepName>>,
    /// Where it leads when the records do not answer or nobody is verified; as `[defaults]` says if it is not written.
    pub(super) unavailable: Option<At<StepName>>,
}

/// The slots of a dispute.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct DisputeSlots {
    /// Which insurance, stored by an `"insurance"` field.
    pub(super) insurance: At<SlotName>,
    /// Which month, stored by a `"month"` field.
    pub(super) month: At<SlotName>,
    /// Whose error, stored by a `"whose-error"` field.
    pub(super) whose_error: At<SlotName>,
    /// The telephone number to call back, stored by a `digits` field; the one the call comes from if it is not written.
    pub(super) callback: Option<At<SlotName>>,
}

/// Reads the verified person's payments, a stretch of equal months at a time, with keys to go on, back, again, slower.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ReadBack {
    /// The message, said first. Its attributes say the stretches and the gaps.
    pub(super) read_back: At<MessageName>,
    /// Which insurance.
    #[schemars(with = "InsuranceName")]
    pub(super) insurance: Insurance,
    /// Reads the last so many months that the records know. Either this or `year-in`.
    pub(super) last_months: Option<At<Whole<1, 60>>>,
    /// Reads the year in this slot, stored by a `"year"` field. Either this or `last-months`.
    pub(super) year_in: Option<At<SlotName>>,
    /// The key for the next stretch.
    #[serde(default = "six")]
    pub(super) next: KeyName,
    /// The key for the stretch before.
    #[serde(default = "four")]
    pub(super) previous: KeyName,
    /// The key to hear the stretch again.
    #[serde(default = "five")]
    pub(super) repeat: KeyName,
    /// The key to hear the stretch again, and all that follows, slowly.
    #[serde(default = "seven")]
    pub(super) slower: KeyName,
    /// The key that ends the reading.
    #[serde(default = "hash")]
    pub(super) stop: KeyName,
    /// The silence after a stretch before the next is read by itself.
    #[serde(default = "between")]
    pub(super) between: Time,
    /// Where it goes on when all is read, or the caller has ended it.
    pub(super) then: At<Goal>,
    /// Where it leads when the records do not answer or nobody is verified; as `[defaults]` says if it is not written.
    pub(super) unavailable: Option<At<StepName>>,
    /// The step that `0` leads to; as `[defaults]` says if it is not written.
    pub(super) person: Option<At<StepName>>,
}

/// The insurances by name.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
#[allow(dead_code, reason = "only its schema is used: one plain list of names, without the docs of each")]
pub(super) enum InsuranceName {
    Pension,
    Medical,
    Unemployment,
    WorkInjury,
    Maternity,
}

/// Changes the language for the rest of the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SetLanguage {
    /// The language, one of the hotline's `languages`.
    pub(super) set_language: At<LanguageTag>,
    /// Where it goes on.
    pub(super) then: At<Goal>,
}

/// Goes to another step.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct GoTo {
    /// Where it goes on.
    pub(super) go_to: At<Goal>,
    /// Where it goes on for a caller who has been verified in this call; without it, to the same step.
    pub(super) when_verified: Option<At<StepName>>,
}

/// Hands the call over to somebody else's telephone: the caller's own telephone is asked to dial there (a blind REFER). The
/// call ends here once the other end has answered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Transfer {
    /// The message, said while the other end is dialled.
    pub(super) transfer: At<MessageName>,
    /// Whom to dial: a SIP address, as in `"sip:agents@pbx.example.com"`, or a number, as in `"tel:+861012333"`.
    pub(super) to: At<TransferAddress>,
    /// How long the other end may take to answer.
    #[serde(default = "transfer_within")]
    pub(super) within: Time,
    /// Where the call goes on when it cannot be handed over.
    pub(super) refused: At<StepName>,
    /// Where it goes on when the other end is busy; as `refused` says if it is not written.
    pub(super) busy: Option<At<StepName>>,
    /// Where it goes on when nobody answers in time; as `refused` says if it is not written.
    pub(super) unanswered: Option<At<StepName>>,
}

/// Says the last words and ends the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct HangUp {
    /// The message to end with, or `true` to hang up without a word.
    pub(super) hang_up: At<LastWords>,
}

fn unmarked() -> At<bool> {
    At { span: 0..0, value: false }
}

fn call_limit() -> Time {
    Time::millis(30 * 60_000)
}

fn transfer_within() -> Time {
    Time::millis(60_000)
}

fn look_up_deadline() -> Time {
    Time::millis(5_000)
}

fn look_up_patience() -> At<Time> {
    At { span: 0..0, value: Time::millis(1_500) }
}

fn first_key() -> Time {
    Time::millis(10_000)
}

fn between_keys() -> Time {
    Time::millis(5_000)
}

fn after_last() -> Time {
    Time::millis(1_500)
}

fn between() -> Time {
    Time::millis(1_500)
}

fn three() -> Whole<1, 9> {
    Whole(3)
}

fn person_within() -> Time {
    Time::millis(60_000)
}

fn over_within() -> Time {
    Time::millis(10 * 60_000)
}

fn menu_prompt() -> Time {
    Time::millis(30_000)
}

fn ask_prompt() -> Time {
    Time::millis(20_000)
}

fn message() -> Time {
    Time::millis(60_000)
}

fn correction() -> Time {
    Time::millis(15_000)
}

fn item() -> Time {
    Time::millis(30_000)
}

fn yes() -> bool {
    true
}

fn six() -> KeyName {
    KeyName(Key::Digit(6))
}

fn four() -> KeyName {
    KeyName(Key::Digit(4))
}

fn five() -> KeyName {
    KeyName(Key::Digit(5))
}

fn seven() -> KeyName {
    KeyName(Key::Digit(7))
}

fn hash() -> KeyName {
    KeyName(Key::Hash)
}
