//! The languages that projects are made for.

/// A language with a template, an SDK and a toolchain that `build` drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// cargo, `wasm32-wasip2`.
    Rust,
    /// tsc, esbuild, componentize-js.
    Ts,
    /// esbuild, componentize-js.
    Js,
    /// componentize-py.
    Python,
    /// The ordinary Go compiler.
    Go,
    /// clang or zig.
    C,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Rust, Self::Ts, Self::Js, Self::Python, Self::Go, Self::C];

    /// The word of the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Ts => "ts",
            Self::Js => "js",
            Self::Python => "python",
            Self::Go => "go",
            Self::C => "c",
        }
    }

    /// The language's own name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Ts => "TypeScript",
            Self::Js => "JavaScript",
            Self::Python => "Python",
            Self::Go => "Go",
            Self::C => "C",
        }
    }

    /// The language of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.word() == word)
    }

    /// The file by which a project of this language is known.
    pub const fn known_by(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Ts => "hook.ts",
            Self::Js => "hook.js",
            Self::Python => "hook.py",
            Self::Go => "go.mod",
            Self::C => "hook.c",
        }
    }

    /// Folders of the embedded SDKs that its projects need.
    pub const fn sdk(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["sdk/rust/", "sdk/fly/"],
            Self::Ts | Self::Js => &["sdk/js/"],
            Self::Python => &["sdk/python/"],
            Self::Go => &["sdk/go/"],
            Self::C => &["sdk/c/"],
        }
    }
}
