# bees set to work: the containers run
flower = scale(:a3, :major_pentatonic)[ev[:namespace].sum]
place = ev[:namespace].sum % 5 * 0.4 - 0.8

with_fx :tremolo, phase: 0.03, depth: 0.4 do
  [2 + ev[:count], 6].min.times do
    bee = synth :dsaw, note: flower + rrand(-1, 1), detune: 0.3, cutoff: 90, amp: 0.1,
      attack: 0.15, sustain: 0.1, release: 0.25, note_slide: 0.4, pan: place + rrand(-0.2, 0.2)
    control bee, note: flower + rrand(1, 3)
    sleep rrand(0.08, 0.16)
  end
end
