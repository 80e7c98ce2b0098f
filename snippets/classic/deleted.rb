# the last of a minor chord falls to its ground and fades: the pod is gone
use_synth :piano
use_synth_defaults amp: 0.25, pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:c3, :major_pentatonic)[ev[:namespace].sum]

play home + 3, release: 0.3
sleep 0.14
play_chord [home, home + 12].take([ev[:count], 2].min), release: 0.9
