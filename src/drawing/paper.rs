//! Boxes and lines on paper: graphlay says where, and writes the SVG.

use graphlay::svg::{
    self, BuiltinMarker, EdgeAnchor, EdgeLabel, MarkerRef, NodeContent, Rect, Scene, SceneEdge, SceneNode, Stroke,
    TextAnchor, TextRun,
};
use graphlay::{
    Edge, Effort, Graph, GraphBuilder, LayoutError, LayoutOptions, Node, NodeId, Point, RankConstraint, Size,
};

use super::Marks;
use super::boxes::{Look, MARGIN, StepBox, WIDTH, printable};
use super::ways::LARGE;
use crate::menu::Menu;

const FONT: &str = "'Noto Sans CJK SC', 'Source Han Sans SC', 'PingFang SC', 'Microsoft YaHei', 'WenQuanYi Zen Hei', \
                    'Droid Sans Fallback', 'Helvetica Neue', Arial, sans-serif";
const LINE: &str = "#64748b";
const BAR: &str = "#f59e0b";
const BAR_HEIGHT: f64 = 5.0;
/// Places that lines pass layers at, over all: more take minutes.
const MOST_BENDS: usize = 4_000;
const LABEL: f64 = 12.0;
const LABEL_BEFORE: f64 = 20.0;
/// A letter's width, of its height.
const LETTER: f64 = 0.6;
/// Places for a label, one behind the other.
const LABEL_TRIES: u8 = 24;

pub(super) fn draw(
    menu: &Menu,
    boxes: &[StepBox],
    ways: &[(usize, usize, String)],
    marks: &Marks,
) -> Result<String, LayoutError> {
    let graph = graph(menu, boxes, ways);
    let mut options = LayoutOptions::process_map();
    options.spacing.layer_gap = 52.0;
    options.spacing.node_gap = 16.0;
    if boxes.len() > LARGE {
        options.effort = Effort::Fast;
    }
    options.limits.max_dummies = Some(MOST_BENDS);
    let layout = graphlay::layout(&graph, &options)?;
    let mut scene = Scene { background: Some("#ffffff".into()), padding: 20.0, ..Scene::default() };
    scene.font.family = FONT.into();
    let drawn = boxes.iter().zip(&menu.steps).zip(&layout.nodes);
    scene.nodes = drawn.map(|((step, told), at)| node(step, &told.name, at.center)).collect();
    scene.nodes.push(title(menu, marks, Point::new(layout.bounds.min.x, layout.bounds.min.y - 34.0)));
    let routes = layout.edges.iter().zip(ways).filter(|(route, _)| route.points.len() > 1);
    let mut placed = Vec::new();
    scene.edges = routes
        .map(|(route, (_, _, by))| SceneEdge {
            points: route.points.clone(),
            stroke: Stroke::new(LINE, 1.4),
            corner_radius: 6.0,
            hop_radius: 4.0,
            simplify: 3.0,
            marker_end: MarkerRef::builtin(BuiltinMarker::Arrow).colored(LINE),
            labels: vec![label(by, &route.points, &mut placed)],
            ..SceneEdge::default()
        })
        .collect();
    Ok(svg::render(&scene, &svg::Theme::default(), &svg::HeuristicMeasurer::new()))
}

fn graph(menu: &Menu, boxes: &[StepBox], ways: &[(usize, usize, String)]) -> Graph {
    let mut graph = GraphBuilder::new();
    let ids: Vec<NodeId> = boxes
        .iter()
        .zip(&menu.steps)
        .enumerate()
        .map(|(place, (step, told))| {
            let rank = if place == menu.start.0 { RankConstraint::First } else { RankConstraint::Free };
            let key = Some(told.name.to_string());
            graph.add_node(Node { size: Size::new(WIDTH, step.height()), rank, key, ..Node::default() })
        })
        .collect();
    for (from, to, _) in ways {
        let (Some(from), Some(to)) = (ids.get(*from), ids.get(*to)) else { continue };
        graph.add_edge(Edge::new(*from, *to));
    }
    graph.build()
}

/// Before the line's end: where it begins lines of one step lie close together. Where another label is there already, since
/// lines of several steps end close together, further back.
fn label(by: &str, line: &[Point], placed: &mut Vec<(Point, f64)>) -> EdgeLabel {
    let half = LABEL * LETTER * by.chars().count() as f64 / 2.0;
    let free = |at: Point| {
        placed.iter().all(|(other, width)| {
            (other.x - at.x).abs() > half + width + LABEL / 2.0 || (other.y - at.y).abs() > LABEL * 1.2
        })
    };
    let mut tries = (0..LABEL_TRIES).map(|place| LABEL_BEFORE + f64::from(place) * LABEL);
    let found = tries.find_map(|before| Some((before, back_along(line, before).filter(|at| free(*at))?)));
    let (before, at) = found.map_or((LABEL_BEFORE, None), |(before, at)| (before, Some(at)));
    placed.extend(at.map(|at| (at, half)));
    let at = EdgeAnchor::Along { fraction: 1.0, offset: -before };
    EdgeLabel::new(TextRun::new(by).size(LABEL).weight(600.0).color("#334155"), at).chip()
}

/// The place so far before the end of a line, if it is that long.
fn back_along(line: &[Point], mut far: f64) -> Option<Point> {
    line.iter().rev().zip(line.iter().rev().skip(1)).find_map(|(end, begin)| {
        let (x, y) = (begin.x - end.x, begin.y - end.y);
        let length = x.hypot(y);
        if far > length {
            far -= length;
            return None;
        }
        Some(Point::new(end.x + x * far / length.max(1.0), end.y + y * far / length.max(1.0)))
    })
}

fn node(step: &StepBox, name: &str, center: Point) -> SceneNode {
    let (left, right) = (-WIDTH / 2.0 + MARGIN, WIDTH / 2.0 - MARGIN);
    let mut down = -step.height() / 2.0 + 5.0;
    let mut content = Vec::new();
    for (look, text) in &step.lines {
        let middle = down + look.height() / 2.0;
        let (weight, colour) = match look {
            Look::Name => (700.0, step.colour),
            Look::Heard => (400.0, "#1f2937"),
            Look::Way => (400.0, "#64748b"),
            Look::Mark => (600.0, "#92400e"),
            Look::Alarm => (700.0, "#dc2626"),
        };
        let colour = if step.pale { "#a8b0bd" } else { colour };
        let run = TextRun::new(text).at(left, middle).size(look.size()).weight(weight).color(colour);
        content.push(NodeContent::Text(TextRun { anchor: TextAnchor::Start, ..run }));
        if *look == Look::Name {
            let run = TextRun::new(&step.kind).at(right, middle).size(Look::Way.size()).color(colour);
            content.push(NodeContent::Text(TextRun { anchor: TextAnchor::End, ..run }));
        }
        down += look.height();
    }
    if let Some(share) = step.share {
        let end = left + (right - left) * f64::from(share.min(100)) / 100.0;
        let corners = [(left, down), (end, down), (end, down + BAR_HEIGHT), (left, down + BAR_HEIGHT)];
        content.push(NodeContent::Polygon {
            points: corners.map(|(x, y)| Point::new(x, y)).to_vec(),
            fill: Some(BAR.into()),
            stroke: None,
            attrs: svg::Attrs::default(),
        });
    }
    SceneNode {
        rect: Rect::from_center(center, svg::Size::new(WIDTH, step.height())),
        shape: svg::Shape::Rect { corner_radius: 6.0 },
        fill: Some("#ffffff".into()),
        stroke: Some(Stroke::new(if step.pale { "#d5dae1" } else { step.colour }, 1.4)),
        content,
        attrs: svg::Attrs::default().data("step", name),
    }
}

/// The menu's name, and what the marks tell.
fn title(menu: &Menu, marks: &Marks, at: Point) -> SceneNode {
    let lines = [(&menu.name, -12.0, 20.0, 700.0), (&marks.caption, 10.0, 13.0, 400.0)];
    let runs = lines.into_iter().filter(|(text, ..)| !text.is_empty()).map(|(text, dy, size, weight)| {
        let run = TextRun::new(printable(text)).at(0.0, dy).size(size).weight(weight).color("#1f2937");
        NodeContent::Text(TextRun { anchor: TextAnchor::Start, ..run })
    });
    SceneNode {
        rect: Rect::from_center(at, svg::Size::new(1.0, 50.0)),
        fill: Some("none".into()),
        stroke: Some(Stroke::new("none", 0.0)),
        content: runs.collect(),
        ..SceneNode::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{LABEL, Point, label};

    /// Two lines that end side by side at a step: each label is read by itself, and stands on its own line.
    #[test]
    fn labels_of_lines_that_end_side_by_side_stand_apart() {
        let line = |x: f64, y: f64| [Point::new(400.0, y), Point::new(x, y), Point::new(x, 100.0)];
        let mut placed = Vec::new();
        label("when-verified", &line(0.0, 74.0), &mut placed);
        label("when-verified", &line(18.0, 87.0), &mut placed);
        let [(one, half), (other, _)] = placed.as_slice() else { panic!("{placed:?}") };
        assert_eq!((one.x, one.y), (0.0, 80.0));
        let apart = ((other.x - one.x).abs() > half * 2.0, (other.y - one.y).abs() > LABEL);
        assert!((apart.0 || apart.1) && (other.y == 87.0 || other.x == 18.0), "{other:?}");
    }
}
