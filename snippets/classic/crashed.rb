# a diminished chord tumbles down the stairs and lands hard: a container crashed
use_synth :saw
use_synth_defaults attack: 0.01, release: 0.2, cutoff: 95, amp: 0.48,
  pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:c4, :major_pentatonic)[ev[:namespace].sum]

play_pattern_timed chord(home, :dim7).reverse, 0.1
play_chord [home - 12, home - 6], release: 0.8
