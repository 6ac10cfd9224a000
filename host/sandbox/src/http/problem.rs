//! Why there is no answer, as a guest is told.

use serde::{Deserialize, Serialize};

/// The documented tokens of `wit/http.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    InvalidRequest,
    Denied,
    PrivateAddress,
    Redirect,
    Unresolved,
    Connect,
    Tls,
    Timeout,
    TooLarge,
    Protocol,
    Withheld,
}

/// The codes of problems that a guest may be told, as `wit/http.wit` documents them.
pub const HTTP_PROBLEMS: [&str; 11] = [
    Token::InvalidRequest.word(),
    Token::Denied.word(),
    Token::PrivateAddress.word(),
    Token::Redirect.word(),
    Token::Unresolved.word(),
    Token::Connect.word(),
    Token::Tls.word(),
    Token::Timeout.word(),
    Token::TooLarge.word(),
    Token::Protocol.word(),
    Token::Withheld.word(),
];

impl Token {
    const fn word(self) -> &'static str {
        match self {
            Token::InvalidRequest => "invalid-request",
            Token::Denied => "denied",
            Token::PrivateAddress => "private-address",
            Token::Redirect => "redirect",
            Token::Unresolved => "unresolved",
            Token::Connect => "connect",
            Token::Tls => "tls",
            Token::Timeout => "timeout",
            Token::TooLarge => "too-large",
            Token::Protocol => "protocol",
            Token::Withheld => "withheld",
        }
    }
}

/// A token and a sentence. Both are made of what the guest said and of the host's own words, never
/// of a header that the host added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn is(&self, token: Token) -> bool {
        self.code == token.word()
    }

    pub(crate) fn new(token: Token, message: impl Into<String>) -> Problem {
        Problem {
            code: token.word().to_owned(),
            message: message.into(),
        }
    }
}
