# what sounds is changed while it sounds
use_bpm 90
s = synth :saw, note: 50, cutoff: 70, cutoff_slide: 0.5, release: 3, slide: 0.25
control s, cutoff: :c7, note: :e3
sleep 0.5
control s, note: 55, note_slide: 0.5
control s, amp: 0.2
sleep 0.5
control note: 60
c = play_chord [60, 64, 67], release: 2, note_slide: 0.2
sleep 0.25
control c, notes: [62, 65, 69]
control c, amp: 0.5
control c, note: 70
sleep 0.25
kill s
n = play 40, sustain: 2
puts n.args["note"], n.args[:sustain]
kill n
control nil
