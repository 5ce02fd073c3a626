// Anchor of the precompiled header (compiler/Precompiled.h).
