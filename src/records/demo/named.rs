//! The ten made-up people whom documentation and test calls use.

/// A made-up person with fixed numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedPerson {
    /// The name used in test calls.
    pub who: &'static str,
    /// The ID number: 18 symbols.
    pub id: &'static str,
    /// The social security number.
    pub number: &'static str,
    /// The card's number. Its letters are not keyed.
    pub card: &'static str,
    /// The number under which the agency keeps them.
    pub personal_number: &'static str,
    /// The query password, if they have one.
    pub password: Option<NamedPassword>,
    /// What is particular about them.
    pub about: &'static str,
}

/// A made-up person's query password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedPassword {
    /// The six digits.
    pub digits: &'static str,
    /// Their Argon2id hash.
    pub hash: &'static str,
    /// Whether it must be changed before use.
    pub initial: bool,
}

impl NamedPerson {
    /// The ID number's form before 1999: 15 digits, the year without its century, no check symbol. It stands for the
    /// same person only if they were born in the 1900s.
    pub fn old_id(&self) -> Option<String> {
        if self.id.get(6..8)? != "19" {
            return None;
        }
        Some(format!("{}{}", self.id.get(..6)?, self.id.get(8..17)?))
    }

    /// The table of `docs/demo-people.md`.
    pub fn markdown_table() -> String {
        let heading = "| who | ID number | social security number | card | personal number | query password | particular |\n\
                       |---|---|---|---|---|---|---|\n";
        let row = |person: &NamedPerson| {
            let NamedPerson { who, id, number, card, personal_number, password, about } = person;
            let password = match password {
                None => "none".to_owned(),
                Some(NamedPassword { digits, initial: true, .. }) => format!("`{digits}`, to be changed"),
                Some(NamedPassword { digits, .. }) => format!("`{digits}`"),
            };
            format!("| `{who}` | `{id}` | `{number}` | `{card}` | `{personal_number}` | {password} | {about} |\n")
        };
        std::iter::once(heading.to_owned()).chain(NAMED.iter().map(row)).collect()
    }
}

/// The named person of that name.
pub fn named(who: &str) -> Option<&'static NamedPerson> {
    NAMED.iter().find(|person| person.who == who)
}

/// All ten, in the order of their rows: the first is [`crate::facts::PersonRef`] 1.
pub const NAMED: [NamedPerson; 10] = [
    NamedPerson {
        who: "ordinary",
        id: "119999198503150010",
        number: "10000001",
        card: "HL731000011",
        personal_number: "5001201",
        password: Some(NamedPassword {
            digits: "274951",
            hash: "$argon2id$v=19$m=19456,t=2,p=1$aG90bGluZSBkZW1vIDAwMQ$G4fxKZxnjxt4pJtf9NYLDACN591C0gDvurGK8f3w3dY",
            initial: false,
        }),
        about: "employed; pension since 2010-03; no payment in the fifth and sixth month before the as-of month",
    },
    NamedPerson {
        who: "check-x",
        id: "32999919780419007X",
        number: "10000002",
        card: "HL731000021",
        personal_number: "5001202",
        password: Some(NamedPassword {
            digits: "000021",
            hash: "$argon2id$v=19$m=19456,t=2,p=1$aG90bGluZSBkZW1vIDAwMg$eIqycnNqaQ/D8IZD+izJoQLYwuIDKyNQjKFYfqM8UpE",
            initial: true,
        }),
        about: "employed; the ID ends with X, keyed `*`",
    },
    NamedPerson {
        who: "new-employee",
        id: "319999200308210046",
        number: "10000003",
        card: "HL731000031",
        personal_number: "5001203",
        password: None,
        about: "employed for two months, the as-of month the second",
    },
    NamedPerson {
        who: "retiree",
        id: "449999196005040035",
        number: "10000004",
        card: "HL731000041",
        personal_number: "5001204",
        password: None,
        about: "retired; the last payment 40 months before the as-of month, 22 years of them",
    },
    NamedPerson {
        who: "pays-alone",
        id: "519999197909120022",
        number: "10000005",
        card: "HL731000051",
        personal_number: "5001205",
        password: None,
        about: "pays alone for eight years: pension and medical only, no employer's share",
    },
    NamedPerson {
        who: "residence-permit",
        id: "839999199010080054",
        number: "10000006",
        card: "HL731000061",
        personal_number: "5001206",
        password: None,
        about: "residence permit, the ID begins with 83; employed for three years",
    },
    NamedPerson {
        who: "permanent-resident",
        id: "911999198207270060",
        number: "10000007",
        card: "HL731000071",
        personal_number: "5001207",
        password: None,
        about: "permanent resident, the ID begins with 9; employed for five years",
    },
    NamedPerson {
        who: "old-number",
        id: "339999196911020073",
        number: "10000008",
        card: "HL731000081",
        personal_number: "5001208",
        password: None,
        about: "employed for thirty years; may key the 15 digits `339999691102007`",
    },
    NamedPerson {
        who: "forty-years",
        id: "219999196601200098",
        number: "10000009",
        card: "HL731000091",
        personal_number: "5001209",
        password: None,
        about: "employed: 480 months of pension payments without a gap",
    },
    NamedPerson {
        who: "never-medical",
        id: "429999198806060103",
        number: "10000010",
        card: "HL731000101",
        personal_number: "5001210",
        password: None,
        about: "employed for six years; nothing ever paid into medical insurance",
    },
];
