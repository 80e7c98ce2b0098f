# the line is up again: the console hears the cluster
use_synth :beep
use_synth_defaults attack: 0.02, sustain: 0.1, release: 0.1, amp: 0.1

play_pattern_timed [:a3, :e4, :a4], 0.14
