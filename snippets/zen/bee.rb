# a bee flies by: a pod was made, or has found its node
flower = scale(:a3, :major_pentatonic)[ev[:namespace].sum]
place = ev[:namespace].sum % 5 * 0.4 - 0.8

with_fx :tremolo, phase: 0.03, depth: 0.4 do
  [ev[:count], 4].min.times do
    bee = synth :dsaw, note: flower, detune: 0.3, cutoff: 88, amp: 0.19, attack: 0.25, release: 0.35,
      note_slide: 0.5, pan: place - 0.2, pan_slide: 0.5
    control bee, note: flower - 1.5, pan: place + 0.2
    sleep rrand(0.08, 0.15)
  end
end
