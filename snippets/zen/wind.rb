# a gust, colder in a sick namespace: the pod is no longer ready
place = ev[:namespace].sum % 5 * 0.4 - 0.8
tone = 70 + ev[:namespace].sum % 5 * 3 + 6 * (1 - ev[:health])

gust = synth :gnoise, cutoff: tone, res: 0.9, cutoff_slide: 0.6, attack: 0.5, sustain: 0.2, release: 0.8,
  amp: 0.1, pan: place - 0.2, pan_slide: 1.2

control gust, cutoff: tone + 17, pan: place + 0.2
sleep 0.6
control gust, cutoff: tone - 5
