//! A menu as a picture: a box a step, from the beginning downwards.
//!
//! ```text
//!   ┌ main ───────── menu ┐
//!   │ 查询政策，请按一 …    │      the step, its kind, what callers hear of it in one language
//!   │ # ↑ language        │      ways that are written, not drawn: see `ways`
//!   │ ████ 812 calls …    │      marks: what happened there
//!   └──┬──────┬───────────┘
//!     1│     2│                  ways that are drawn, with the keys and events that take a call along
//! ```
//!
//! The layout and the SVG are graphlay's. Nothing here reads a file or a database: whoever knows what happened in a menu
//! (its traffic, which of its steps are tested) gives [`Marks`].

mod boxes;
mod marks;
mod paper;
mod ways;

pub use marks::{Mark, Marks};

use crate::facts::Language;
use crate::menu::Menu;
use crate::speech::Catalogue;

/// Why a menu cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the menu {menu} cannot be drawn ({why}): draw one with fewer steps, or fewer ways between them")]
pub struct DrawingFault {
    menu: String,
    why: graphlay::LayoutError,
}

/// Draws a menu as an SVG document, with its texts in this language and what is marked on its steps. The same input gives
/// the same picture. A menu too large for all its ways onwards has one line to each step.
///
/// # Errors
/// Even so it is too large for a picture.
pub fn draw(menu: &Menu, catalogue: &Catalogue, language: Language, marks: &Marks) -> Result<String, DrawingFault> {
    let draw = |many| {
        let ways = ways::sort(menu, many);
        let steps = menu.steps.iter().zip(&ways.written);
        let boxes: Vec<_> = steps.map(|(step, written)| boxes::of(step, written, catalogue, language, marks)).collect();
        paper::draw(menu, &boxes, &ways.drawn, marks)
    };
    let all = if menu.steps.len() > ways::LARGE { None } else { draw(ways::MANY).ok() };
    let picture = all.map_or_else(|| draw(ways::MANY_IN_A_LARGE_ONE), Ok);
    picture.map_err(|why| DrawingFault { menu: menu.name.clone(), why })
}
