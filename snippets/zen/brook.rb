# a brook runs off between stones: the pod was asked to go
place = ev[:namespace].sum % 5 * 0.4 - 0.8
deep = 78 + ev[:namespace].sum % 5 * 2

synth :pnoise, cutoff: 95, cutoff_slide: 1, attack: 0.2, release: 0.9, amp: 0.05, pan: place

[10 + 4 * ev[:count], 30].min.times do |n|
  bubble = synth :beep, note: deep + rrand(0, 10) - n / 2, note_slide: 0.05,
    attack: 0.005, release: 0.05, amp: rrand(0.05, 0.14), pan: place + rrand(-0.2, 0.2)
  control bubble, note: deep + rrand(8, 16) - n / 2
  sleep rrand(0.02, 0.8 / (10 + ev[:count]))
end
