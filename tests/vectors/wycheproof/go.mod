module strongroom.dev/tests/vectors/wycheproof

go 1.23.6

// Test vectors only: nothing of it is built. tests/helpers/wycheproof.py fetches it.
require github.com/c2sp/wycheproof v0.0.0-20260902155932-3fa63dd0344a
