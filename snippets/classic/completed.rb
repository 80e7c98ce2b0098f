# a suspension comes to rest: the work is done
use_synth :piano
use_synth_defaults amp: 0.45, pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:c4, :major_pentatonic)[ev[:namespace].sum]

play_chord chord(home, :sus4), release: 0.4
sleep 0.35
play_chord chord(home, :major), release: 0.9
