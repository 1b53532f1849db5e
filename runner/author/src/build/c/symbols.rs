//! The functions that an object file defines.

use wasmparser::{KnownCustom, Linking, Parser, Payload, SymbolFlags, SymbolInfo};

/// Their names, without those of static ones; the conventions are those of LLVM's linker, whoever wrote the file.
///
/// <https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md>
pub(super) fn defined(object: &[u8]) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let said = |error: wasmparser::BinaryReaderError| error.message().to_owned();
    for payload in Parser::new(0).parse_all(object) {
        let Payload::CustomSection(section) = payload.map_err(said)? else { continue };
        let KnownCustom::Linking(linking) = section.as_known() else { continue };
        for part in linking.subsections() {
            let Linking::SymbolTable(symbols) = part.map_err(said)? else { continue };
            for symbol in symbols {
                if let SymbolInfo::Func { flags, name: Some(name), .. } = symbol.map_err(said)?
                    && !flags.intersects(SymbolFlags::UNDEFINED | SymbolFlags::BINDING_LOCAL)
                {
                    names.push(name.to_owned());
                }
            }
        }
    }
    Ok(names)
}
