//! From a function to a plugin.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, LitByteStr, ReturnType, Safety, Type};

use crate::arguments::{Arguments, Check};
use crate::kind::Kind;
use crate::manifest::{Manifest, manifest};

pub(crate) fn expand(
    kind: Kind,
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let original = TokenStream::from(item.clone());
    let expanded = try_expand(kind, arguments, item).unwrap_or_else(|error| {
        // The function stays, so that this is the only error about it.
        let error = error.into_compile_error();
        quote!(#original #error)
    });
    expanded.into()
}

fn try_expand(
    kind: Kind,
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> syn::Result<TokenStream> {
    let arguments: Arguments = syn::parse(arguments)?;
    let function: ItemFn = syn::parse(item).map_err(|error| {
        let text = format!("{} is a function: {}", kind.described(), kind.signature());
        Error::new(error.span(), text)
    })?;
    let shape = Shape::of(kind, &function)?;
    let Manifest { text, files } = manifest(kind, &arguments)?;
    let assertions = shape.assertions(kind);
    let implementation = kind.implementation(&function.sig.ident);
    let module = kind.module();
    let compensation = compensation(kind, &arguments)?;
    let check = config_check(&arguments, &shape.config);
    let use_of_functions = use_of_functions(&function.sig.ident, &arguments);
    let length = text.len();
    let bytes = LitByteStr::new(text.as_bytes(), Span::call_site());
    Ok(quote! {
        #function
        #[allow(unsafe_code, reason = "a component's exports are symbols with fixed names")]
        const _: () = {
            #files
            #assertions
            #[cfg(target_family = "wasm")]
            #[used]
            #[unsafe(link_section = "menagerie:manifest")]
            static MANIFEST: [u8; #length] = *#bytes;
            struct Plugin;
            #use_of_functions
            #implementation
            #[cfg(target_family = "wasm")]
            ::menagerie::bindings::#module::export!(Plugin with_types_in ::menagerie::bindings::#module);
            #compensation
            #check
        };
    })
}

/// Natively nothing exports the author's functions: without this they would be reported as unused.
fn use_of_functions(function: &Ident, arguments: &Arguments) -> TokenStream {
    let check = match &arguments.check {
        Some(Check::Function(path)) => Some(path),
        Some(Check::Type(_)) | None => None,
    };
    let others = arguments.compensate.iter().chain(check);
    quote! {
        #[cfg(not(target_family = "wasm"))]
        const _: fn() = || {
            let _ = #function;
            #(let _ = #others;)*
        };
    }
}

fn compensation(kind: Kind, arguments: &Arguments) -> syn::Result<TokenStream> {
    let Some(path) = &arguments.compensate else {
        return Ok(TokenStream::new());
    };
    if kind != Kind::Agent {
        return Err(Error::new(path.span(), "only an agent can compensate"));
    }
    let types = quote!(::menagerie::bindings::imports::menagerie::plugin::types);
    Ok(quote! {
        impl ::menagerie::bindings::compensate::exports::menagerie::plugin::compensate::Guest for Plugin {
            fn compensate(
                task: #types::Task,
                outcome: #types::Outcome,
            ) -> ::core::result::Result<(), #types::Fault> {
                ::menagerie::runtime::compensate(task, outcome, #path)
            }
        }
        #[cfg(target_family = "wasm")]
        ::menagerie::bindings::compensate::export!(Plugin with_types_in ::menagerie::bindings::compensate);
    })
}

fn config_check(arguments: &Arguments, config: &TokenStream) -> TokenStream {
    let function = match &arguments.check {
        None => return TokenStream::new(),
        Some(Check::Type(span)) => quote_spanned!(*span=> |_, _| ::std::vec::Vec::new()),
        Some(Check::Function(path)) => path.to_token_stream(),
    };
    let exported =
        quote!(::menagerie::bindings::config_check::exports::menagerie::plugin::config_check);
    quote! {
        impl #exported::Guest for Plugin {
            fn check(
                config: ::std::string::String,
                agents: ::std::vec::Vec<::std::string::String>,
            ) -> ::std::vec::Vec<#exported::ConfigProblem> {
                ::menagerie::runtime::check::<#config>(config, agents, #function)
            }
        }
        #[cfg(target_family = "wasm")]
        ::menagerie::bindings::config_check::export!(Plugin with_types_in ::menagerie::bindings::config_check);
    }
}

/// The types of a function that looks like a plugin's.
struct Shape {
    arguments: Vec<Type>,
    returned: Type,
    /// The type of its configuration.
    config: TokenStream,
}

impl Shape {
    fn of(kind: Kind, function: &ItemFn) -> syn::Result<Self> {
        let signature = &function.sig;
        let fail = |span: Span, what: &str| {
            let text = format!("{what}: {} is `{}`", kind.described(), kind.signature());
            Err(Error::new(span, text))
        };
        if let Some(asyncness) = &signature.asyncness {
            return fail(asyncness.span(), "a plugin's function is not async");
        }
        if let Safety::Unsafe(unsafety) = &signature.safety {
            return fail(unsafety.span(), "a plugin's function is not unsafe");
        }
        if !signature.generics.params.is_empty() {
            return fail(
                signature.generics.span(),
                "a plugin's function has no generics or lifetimes",
            );
        }
        let mut arguments = Vec::new();
        for argument in &signature.inputs {
            match argument {
                FnArg::Typed(typed) => arguments.push((*typed.ty).clone()),
                FnArg::Receiver(receiver) => {
                    return fail(receiver.span(), "a plugin's function stands by itself");
                }
            }
        }
        if arguments.len() != kind.arity() {
            let span = if arguments.is_empty() {
                signature.ident.span()
            } else {
                signature.inputs.span()
            };
            return fail(
                span,
                &format!("this function takes {} arguments", arguments.len()),
            );
        }
        let returned = match &signature.output {
            ReturnType::Type(_, returned) => (**returned).clone(),
            ReturnType::Default => {
                return fail(signature.ident.span(), "this function returns nothing");
            }
        };
        let config = match kind {
            Kind::Agent | Kind::Strategy | Kind::GroupStrategy => {
                let argument = &arguments[0];
                quote!(<#argument as ::menagerie::runtime::Configured>::Config)
            }
            Kind::Aggregator => arguments[1].to_token_stream(),
            Kind::Arbiter => arguments[2].to_token_stream(),
        };
        Ok(Self {
            arguments,
            returned,
            config,
        })
    }

    /// Code that does nothing but fail to compile, with a message at the type that is wrong.
    fn assertions(&self, kind: Kind) -> TokenStream {
        let traits = kind
            .argument_traits()
            .iter()
            .copied()
            .chain([kind.return_trait()]);
        let types = self.arguments.iter().chain([&self.returned]);
        let mut assertions = TokenStream::new();
        for (wanted, found) in traits.zip(types) {
            let wanted = Ident::new(wanted, Span::call_site());
            let check = quote_spanned!(found.span()=> is::<#found>());
            assertions.extend(quote! {
                const _: fn() = || {
                    fn is<Found: ::menagerie::runtime::#wanted>() {}
                    #check
                };
            });
        }
        assertions
    }
}
