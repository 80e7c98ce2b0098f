"""The built-in player: snippets heard without Sonic Pi."""
