# a minor chord steps down: the pod was asked to go
use_synth :pluck
use_synth_defaults amp: 0.4, pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:c3, :major_pentatonic, num_octaves: 2)[ev[:namespace].sum]
notes = chord(home, :minor, num_octaves: [ev[:count], 2].min)

play_pattern_timed notes.reverse, 0.12, release: 0.4
