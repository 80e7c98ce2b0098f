# the whole major chord rises and rings: the pod is ready
# several at once climb higher; in a sick namespace the last note is cut short
use_synth :piano
use_synth_defaults amp: 0.2, pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:c4, :major_pentatonic)[ev[:namespace].sum]
notes = chord(home, :major, num_octaves: [ev[:count], 3].min)

play_pattern_timed notes, 0.08, release: 0.4
play home + 12, release: 0.2 + ev[:health]
