//! Writes down the address of every public function of the library, as an array in Rust.
//!
//! rustdoc says which functions there are, so none can be forgotten. A generic one is listed once for each
//! type that stands in for its parameter, and one with an `impl` in its signature as `src/by_hand.rs` has it. What can be
//! made of an iterator is made of an array of two.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;

use public_api::tokens::Token;

/// Types by the name of the parameter that they stand in for.
type StandIns = HashMap<&'static str, Vec<String>>;

fn main() -> Result<(), Box<dyn Error>> {
    let json = std::env::args_os().nth(1).ok_or("the rustdoc JSON of the library is missing")?;
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    let items: Vec<(_, _, Vec<_>)> =
        api.items().map(|item| (item.id(), item.parent_id(), item.tokens().cloned().collect())).collect();
    let impls: HashMap<_, &[Token]> = items
        .iter()
        .filter(|(.., tokens)| is_impl(&tokens[0]))
        .map(|(id, _, tokens)| (id, &tokens[..]))
        .collect();

    let mut stand_ins = StandIns::from([
        ("N", vec!["7".into()]),
        ("T", vec!["milter_proto::wire::Command<'_>".into(), "milter_proto::wire::Response<'_>".into()]),
        ("__H", vec!["exercise::by_hand::Sum".into()]),
    ]);
    let ends = impls.values().map(|header| header.iter().rposition(is_for).map(|at| header.split_at(at)));
    let buffers = ends.flatten().filter(|(of_trait, _)| trait_name(of_trait, &stand_ins) == "Buffer");
    let buffers = buffers.map(|(_, of_type)| text(&of_type[2..], 0, &stand_ins)).collect();
    stand_ins.insert("B", buffers);

    let functions = items.iter().filter(|(.., tokens)| tokens.iter().any(is_fn));
    let paths: BTreeSet<_> = functions
        .flat_map(|(_, parent, signature)| {
            paths(parent.and_then(|id| impls.get(&id).copied()), signature, &stand_ins)
        })
        // The only storage that cannot be cloned.
        .filter(|path| !path.contains("<&mut [u8]> as exercise::traits::Clone"))
        .collect();
    println!("[\n    exercise::by_hand::planted as *const (),");
    paths.iter().for_each(|path| println!("    {path} as *const (),"));
    println!("]");
    Ok(())
}

/// The paths of a function, of which the `impl` around it and the signature are given.
fn paths(header: Option<&[Token]>, signature: &[Token], stand_ins: &StandIns) -> Vec<String> {
    let (_, path) = split(signature, is_fn);
    let (of, rest) = split(&path[1..], |token| matches!(token, Token::Function(_)));
    let name = path[of.len() + 1].text();
    if rest.iter().any(is_impl) {
        let of = of.iter().rfind(|token| matches!(token, Token::Type(_)));
        return vec![format!("exercise::by_hand::{}", snake_case(of.map_or("", Token::text), name))];
    }
    let (parameters, _) = split(rest, |token| token.text() == "(");
    let generic = parameters.iter().find(|token| matches!(token, Token::Generic(_)));
    let rows = of.iter().chain(generic).filter_map(|token| stand_ins.get(token.text())).map(Vec::len).max();
    let path = |row| {
        let of = text(of, row, stand_ins);
        let of = of.trim_end_matches("::");
        let of = match header {
            None => of.to_owned(),
            Some(header) => match split(header, is_for) {
                (_, []) => format!("<{of}>"),
                (implemented, _) => {
                    format!("<{of} as exercise::traits::{}>", trait_name(implemented, stand_ins))
                }
            },
        };
        let generic = generic.map(|token| match (token.text(), item(header, stand_ins)) {
            ("I", Some(item)) => format!("::<[{item}; 2]>"),
            _ => format!("::<{}>", text(std::slice::from_ref(token), row, stand_ins)),
        });
        format!("{of}::{name}{}", generic.unwrap_or_default())
    };
    (0..rows.unwrap_or(1)).map(path).collect()
}

/// `T` of `impl Extend<T> for ..`.
fn item(header: Option<&[Token]>, stand_ins: &StandIns) -> Option<String> {
    let (implemented, _) = split(header?, is_for);
    let name = trait_name(implemented, stand_ins);
    Some(name.split_once('<')?.1.strip_suffix('>')?.to_owned())
}

/// The trait of `impl<..> path::to::Trait<..> `, without its path: that need not be public.
fn trait_name(implemented: &[Token], stand_ins: &StandIns) -> String {
    let mut depth = 0_i32;
    let (_, path) = split(implemented, |token| {
        depth += i32::from(token.text() == "<") - i32::from(token.text() == ">");
        depth == 0 && *token == Token::Whitespace
    });
    let path = path.iter().skip_while(|token| !matches!(token, Token::Type(_))).cloned().collect::<Vec<_>>();
    text(&path, 0, stand_ins).trim_end().to_owned()
}

/// What stands before the first such token, and what behind it.
fn split(tokens: &[Token], is_wanted: impl FnMut(&Token) -> bool) -> (&[Token], &[Token]) {
    match tokens.iter().position(is_wanted) {
        Some(at) => (&tokens[..at], &tokens[at + 1..]),
        None => (tokens, &[]),
    }
}

fn text(tokens: &[Token], row: usize, stand_ins: &StandIns) -> String {
    let text = |token: &Token| match (token, stand_ins.get(token.text())) {
        (Token::Lifetime(_), _) => "'_".to_owned(),
        (_, Some(types)) => types[row % types.len()].clone(),
        (_, None) => token.text().to_owned(),
    };
    tokens.iter().map(text).collect()
}

fn snake_case(of: &str, name: &str) -> String {
    let words = of.chars().map(|letter| match letter {
        'A'..='Z' => format!("_{}", letter.to_ascii_lowercase()),
        _ => letter.to_string(),
    });
    format!("{}_{name}", words.collect::<String>()).trim_start_matches('_').to_owned()
}

fn is_fn(token: &Token) -> bool {
    *token == Token::Kind("fn".into())
}

fn is_for(token: &Token) -> bool {
    *token == Token::Keyword("for".into())
}

fn is_impl(token: &Token) -> bool {
    *token == Token::Keyword("impl".into())
}
