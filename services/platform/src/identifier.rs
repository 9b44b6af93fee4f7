//! Normalisation of identifiers. Part of the identity key and frozen at the first release: another rule is another person.
