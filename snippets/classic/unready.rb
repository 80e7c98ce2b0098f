# a chord sags by a half tone: the pod is no longer ready
use_synth :dtri
use_synth_defaults attack: 0.03, sustain: 0.3, release: 0.5, note_slide: 0.35,
  cutoff: 85 + 15 * ev[:health], amp: 0.09, pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:c4, :major_pentatonic)[ev[:namespace].sum]
notes = chord(home, :major).map { |note| play note }

sleep 0.3
notes.each { |note| control note, note: note.args["note"] - 1 }
