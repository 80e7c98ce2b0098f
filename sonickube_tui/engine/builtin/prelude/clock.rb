# What time it is: that of the event, and the virtual time since.

# As Sonic Pi shows a time.
class MilliTime < Time
  def inspect = strftime("%Y-%m-%d %H:%M:%S.%L %z")
end

module Clock
  class << self
    # Seconds since 1970 at which the run began.
    attr_accessor :began

    def now = MilliTime.at(began + Strand.current.time)
  end
end
